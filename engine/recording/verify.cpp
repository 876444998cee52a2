#include "engine/recording/verify.h"

#include "engine/recording/fold.h"
#include "engine/recording/pyramid.h"
#include "engine/recording/schema.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace engine {
namespace {

/// Ends the check with a finding: an Error whose code picks the exit code.
tl::unexpected<Error> changed(const std::string &what)
{
    return fail(ErrorCode::Untrusted, "The recording was changed: " + what);
}

class Check
{
public:
    Check(RecordingReader &reader, VerifyReport &report) : m_reader(reader), m_report(report) {}

    Result<> run()
    {
        DR_RETURN_IF_ERROR(integrity());
        DR_RETURN_IF_ERROR(chain());
        DR_RETURN_IF_ERROR(leftOvers());
        DR_RETURN_IF_ERROR(checkPyramid(m_reader));
        DR_RETURN_IF_ERROR(seals());
        DR_RETURN_IF_ERROR(attachments());
        return fold();
    }

private:
    using Row = std::function<void(ChainHasher &, Statement &)>;

    Result<> integrity()
    {
        m_reader.database().renewBudget();
        const auto said = m_reader.database().single("PRAGMA integrity_check(1)");
        if (!said)
            return tl::unexpected(said.error());
        return *said == "ok" ? Result<>() : changed("its pages do not fit together: " + *said);
    }

    /// Feeds the rows of one table with keys in (from, to].
    Result<> feed(ChainHasher &chain, const std::string &sql, std::int64_t from, std::int64_t to,
                  bool isFirst, const Row &row)
    {
        m_reader.database().renewBudget();
        auto &prepared = m_statements[sql];
        if (!prepared) {
            auto statement = m_reader.database().prepare(sql);
            if (!statement)
                return tl::unexpected(statement.error());
            prepared.emplace(std::move(*statement));
        }
        // The first batch takes the least key too, which "greater than" would leave out.
        prepared->reset();
        prepared->bind(1, from).bind(2, to).bind(3, std::int64_t{isFirst});
        while (true) {
            const auto more = prepared->step();
            if (!more)
                return tl::unexpected(more.error());
            if (!*more)
                return {};
            row(chain, *prepared);
        }
    }

    Result<Digest> hashOf(const BatchEnd &before, const BatchEnd &end)
    {
        const bool first = before.id == 0;
        ChainHasher chain(before.hash);
        DR_RETURN_IF_ERROR(
            feed(chain, "SELECT n, k, v FROM meta WHERE (n > ?1 OR ?3) AND n <= ?2 ORDER BY n",
                 before.meta, end.meta, first,
                 [](ChainHasher &c, Statement &s) { c.meta(s.integer(0), s.text(1), s.text(2)); }));
        DR_RETURN_IF_ERROR(feed(chain,
                                "SELECT n, id, name, unit, kind, agg FROM series WHERE (n > ?1 OR "
                                "?3) AND n <= ?2 ORDER BY n",
                                before.series, end.series, first, [](ChainHasher &c, Statement &s) {
                                    c.series(s.integer(0), s.integer(1), s.text(2), s.text(3),
                                             s.integer(4), s.integer(5));
                                }));
        DR_RETURN_IF_ERROR(feed(chain,
                                "SELECT n, sha256, name, data FROM attach WHERE (n > ?1 OR ?3) AND "
                                "n <= ?2 ORDER BY n",
                                before.attach, end.attach, first, [](ChainHasher &c, Statement &s) {
                                    c.attach(s.integer(0), s.blob(1), s.text(2), s.blob(3));
                                }));
        DR_RETURN_IF_ERROR(feed(chain,
                                "SELECT seq, t, kind, target, payload FROM event WHERE (seq > ?1 "
                                "OR ?3) AND seq <= ?2 ORDER BY seq",
                                before.seq, end.seq, first, [this](ChainHasher &c, Statement &s) {
                                    ++m_report.events;
                                    c.event(s.integer(0), s.integer(1), s.integer(2), s.integer(3),
                                            s.blob(4));
                                }));
        DR_RETURN_IF_ERROR(
            feed(chain, "SELECT t, vals FROM tick WHERE (t > ?1 OR ?3) AND t <= ?2 ORDER BY t",
                 before.t, end.t, first, [this](ChainHasher &c, Statement &s) {
                     ++m_report.rows;
                     c.tick(s.integer(0), s.blob(1));
                 }));
        DR_RETURN_IF_ERROR(feed(chain,
                                "SELECT key, data FROM sketch WHERE (key > ?1 OR ?3) AND key <= ?2 "
                                "ORDER BY key",
                                before.sketch, end.sketch, first, [](ChainHasher &c, Statement &s) {
                                    c.sketch(s.integer(0), s.blob(1));
                                }));
        DR_RETURN_IF_ERROR(feed(chain,
                                "SELECT t, seq, state, state_hash FROM keyframe WHERE (t > ?1 OR "
                                "?3) AND t <= ?2 ORDER BY t",
                                before.t, end.t, first, [this](ChainHasher &c, Statement &s) {
                                    ++m_report.keyframes;
                                    c.keyframe(s.integer(0), s.integer(1), s.blob(2), s.blob(3));
                                }));
        DR_RETURN_IF_ERROR(feed(chain,
                                "SELECT n, t0, t1, why, lost FROM gap WHERE (n > ?1 OR ?3) AND n "
                                "<= ?2 ORDER BY n",
                                before.gap, end.gap, first, [](ChainHasher &c, Statement &s) {
                                    c.gap(s.integer(0), s.integer(1), s.integer(2), s.integer(3),
                                          s.integer(4));
                                }));
        return chain.finish(end);
    }

    Result<> chain()
    {
        auto batches = m_reader.database().prepare(
            "SELECT id, t_last, seq_last, series_last, sketch_last, attach_last, gap_last, "
            "meta_last, hash FROM batch ORDER BY id");
        if (!batches)
            return tl::unexpected(batches.error());
        while (true) {
            m_reader.database().renewBudget();
            const auto more = batches->step();
            if (!more)
                return tl::unexpected(more.error());
            if (!*more)
                break;
            BatchEnd end;
            end.id = batches->integer(0);
            end.t = batches->integer(1);
            end.seq = batches->integer(2);
            end.series = batches->integer(3);
            end.sketch = batches->integer(4);
            end.attach = batches->integer(5);
            end.gap = batches->integer(6);
            end.meta = batches->integer(7);
            const auto stored = batches->blob(8);
            const auto hash = hashOf(m_last, end);
            if (!hash)
                return tl::unexpected(hash.error());
            if (end.id != m_last.id + 1 || !std::ranges::equal(*hash, stored))
                return changed("batch " + std::to_string(end.id) + ", after "
                               + std::to_string(std::max<std::int64_t>(m_last.t, 0) / 1000)
                               + " ms, does not match its hash");
            end.hash = *hash;
            m_last = end;
            m_heads[end.id] = *hash;
            m_report.soundTo = end.t;
            ++m_report.batches;
        }
        if (m_last.id == 0)
            return changed("it has no batches");
        return {};
    }

    /// Rows that no batch speaks of were added later.
    Result<> leftOvers()
    {
        const std::pair<std::string, std::int64_t> after[] = {
            {"meta WHERE n", m_last.meta},     {"series WHERE n", m_last.series},
            {"attach WHERE n", m_last.attach}, {"event WHERE seq", m_last.seq},
            {"tick WHERE t", m_last.t},        {"sketch WHERE key", m_last.sketch},
            {"keyframe WHERE t", m_last.t},    {"gap WHERE n", m_last.gap}};
        for (const auto &[what, last] : after) {
            const auto found = m_reader.database().single("SELECT 1 FROM " + what + " > "
                                                          + literal(last) + " LIMIT 1");
            if (!found)
                return tl::unexpected(found.error());
            if (!found->empty())
                return changed("rows were added to " + what.substr(0, what.find(' ')));
        }
        return {};
    }

    static std::string literal(std::int64_t value)
    {
        return value == INT64_MIN ? "-9223372036854775807" : std::to_string(value);
    }

    Result<> seals()
    {
        const auto facts = m_reader.meta();
        if (!facts)
            return tl::unexpected(facts.error());
        const auto signer = facts->find("signer");
        const auto key = signer == facts->end() ? std::nullopt : unhex(signer->second);
        auto rows = m_reader.database().prepare("SELECT batch_id, sig FROM seal ORDER BY batch_id");
        if (!rows)
            return tl::unexpected(rows.error());
        while (true) {
            const auto more = rows->step();
            if (!more)
                return tl::unexpected(more.error());
            if (!*more)
                break;
            const auto id = rows->integer(0);
            const auto head = m_heads.find(id);
            if (!key || head == m_heads.end()
                || !verifySignature(sealText(id, head->second), rows->blob(1), *key))
                return changed("the seal of batch " + std::to_string(id) + " does not fit");
            m_report.sealedBatches = static_cast<std::uint64_t>(id);
        }
        if (key && m_report.sealedBatches > 0)
            m_report.signer = signer->second;
        return {};
    }

    Result<> attachments()
    {
        auto rows = m_reader.database().prepare("SELECT sha256, name, data FROM attach");
        if (!rows)
            return tl::unexpected(rows.error());
        while (true) {
            m_reader.database().renewBudget();
            const auto more = rows->step();
            if (!more)
                return tl::unexpected(more.error());
            if (!*more)
                return {};
            if (!std::ranges::equal(sha256(rows->blob(2)), rows->blob(0)))
                return changed("attachment " + rows->text(1) + " does not match its hash");
        }
    }

    Result<> fold()
    {
        const auto cursor = foldRecording(m_reader, INT64_MAX, true);
        if (!cursor)
            return tl::unexpected(cursor.error());
        if (cursor->differsAt != INT64_MIN)
            return changed("the state at " + std::to_string(cursor->differsAt / 1000)
                           + " ms does not come out as recorded");
        if (!m_reader.keyframesAreOurs())
            m_report.notes.push_back("Recorded by another version of the fold: keyframes were not "
                                     "compared");
        return {};
    }

    RecordingReader &m_reader;
    VerifyReport &m_report;
    BatchEnd m_last;
    std::map<std::int64_t, Digest> m_heads;
    std::map<std::string, std::optional<Statement>> m_statements;
};

} // namespace

VerifyReport verifyRecording(const std::filesystem::path &path, const Clock &clock,
                             const VerifyOptions &options)
{
    VerifyReport report;
    auto reader = RecordingReader::open(path, clock);
    if (!reader) {
        report.sentence = reader.error().text();
        return report;
    }
    if (reader->isNewer()) {
        report.sentence = "The recording was made by a newer Drillroom (format " + reader->version()
                          + "): it can be played, but only a program of that format can prove it";
        return report;
    }
    Check check(*reader, report);
    if (const auto done = check.run(); !done) {
        report.exitCode = done.error().code == ErrorCode::Untrusted ? 5 : 4;
        report.sentence = done.error().text();
        return report;
    }
    const auto closed = reader->isClosed();
    if (!closed) {
        report.sentence = closed.error().text();
        return report;
    }
    if (reader->wasUnclosed())
        report.notes.push_back("Read together with its -wal file; keep both");
    if (const auto gaps = reader->gaps(); gaps && !gaps->empty())
        report.notes.push_back(std::to_string(gaps->size())
                               + " gaps: something was lost and is "
                                 "named as lost");
    if (!options.signer.empty() && report.signer != options.signer) {
        report.exitCode = 5;
        report.sentence = report.signer.empty() ? "The recording is not sealed by " + options.signer
                                                : "The recording is sealed by " + report.signer
                                                      + ", not by " + options.signer;
        return report;
    }
    if (!*closed || report.sealedBatches != report.batches) {
        report.exitCode = 3;
        report.sentence = !*closed ? "The recording was never closed; what it holds is whole"
                          : report.signer.empty()
                              ? "The recording is whole, but nobody sealed it"
                              : "The recording is whole, but its tail is not sealed";
        return report;
    }
    report.exitCode = 0;
    report.sentence = "Sound: " + std::to_string(report.events) + " events and "
                      + std::to_string(report.rows) + " rows, sealed by " + report.signer;
    if (options.signer.empty())
        report.notes.push_back("Compare the signer, or pass it with --signer");
    return report;
}

std::string toJson(const VerifyReport &report)
{
    nlohmann::ordered_json json;
    json["exit_code"] = report.exitCode;
    json["sound"] = report.exitCode == 0;
    json["sentence"] = report.sentence;
    json["signer"] = report.signer.empty() ? nlohmann::ordered_json(nullptr)
                                           : nlohmann::ordered_json(report.signer);
    json["notes"] = report.notes;
    json["batches"] = report.batches;
    json["sealed_batches"] = report.sealedBatches;
    json["events"] = report.events;
    json["rows"] = report.rows;
    json["keyframes"] = report.keyframes;
    return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

} // namespace engine
