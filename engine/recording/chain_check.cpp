#include "engine/recording/chain_check.h"

#include <algorithm>

namespace engine {
namespace {

tl::unexpected<Error> changed(const std::string &what)
{
    return fail(ErrorCode::Untrusted, "The recording was changed: " + what);
}

std::string millis(std::int64_t t)
{
    return std::to_string(t / 1000) + " ms";
}

bool copy(std::span<const std::uint8_t> from, Digest &to)
{
    if (from.size() != to.size())
        return false;
    std::ranges::copy(from, to.begin());
    return true;
}

} // namespace

/// Feeds the rows of one table with keys in (from, to].
Result<> BatchReader::feed(const std::string &sql, std::int64_t from, std::int64_t to, bool isFirst,
                           const Row &row)
{
    m_reader.database().renewBudget();
    auto &prepared = m_statements[sql];
    if (!prepared) {
        auto statement = m_reader.database().prepare(sql);
        if (!statement)
            return tl::unexpected(statement.error());
        prepared.emplace(std::move(*statement));
    }
    if (!isFirst && from == INT64_MAX)
        return {}; // no key is greater
    // The first batch takes the least key too. A plain bound, not "key > ? OR ?": with that SQLite
    // walks the table from its start for every batch.
    prepared->reset();
    prepared->bind(1, isFirst ? INT64_MIN : from + 1).bind(2, to);
    while (true) {
        const auto more = prepared->step();
        if (!more)
            return tl::unexpected(more.error());
        if (!*more)
            return {};
        DR_RETURN_IF_ERROR(row(*prepared));
    }
}

Result<std::optional<BatchReader::Stored>> BatchReader::next(std::int64_t after)
{
    std::optional<Stored> found;
    auto read =
        feed("SELECT id, t_last, seq_last, series_last, sketch_last, attach_last, "
             "gap_last, meta_last, hash FROM batch WHERE id >= ?1 AND id <= ?2 "
             "ORDER BY id LIMIT 1",
             after, INT64_MAX, after == INT64_MIN, [&](Statement &s) -> Result<> {
                 Stored stored;
                 auto &end = stored.end;
                 end.id = s.integer(0);
                 end.t = s.integer(1);
                 end.seq = s.integer(2);
                 end.series = s.integer(3);
                 end.sketch = s.integer(4);
                 end.attach = s.integer(5);
                 end.gap = s.integer(6);
                 end.meta = s.integer(7);
                 const auto blob = s.blob(8);
                 stored.isCut = blob.size() == 2 * end.hash.size();
                 if (stored.isCut && !copy(blob.first(end.rows.size()), end.rows))
                     return {};
                 if (!copy(stored.isCut ? blob.subspan(end.rows.size()) : blob, stored.hash))
                     return changed("batch " + std::to_string(end.id) + " has no hash");
                 found = stored;
                 return {};
             });
    if (!read)
        return tl::unexpected(read.error());
    return found;
}

Result<> BatchReader::names(ChainHasher &chain, const BatchEnd &before, const BatchEnd &end,
                            bool isFirst)
{
    DR_RETURN_IF_ERROR(feed("SELECT n, k, v FROM meta WHERE n >= ?1 AND n <= ?2 ORDER BY n",
                            before.meta, end.meta, isFirst, [&](Statement &s) -> Result<> {
                                chain.meta(s.integer(0), s.text(1), s.text(2));
                                return {};
                            }));
    DR_RETURN_IF_ERROR(
        feed("SELECT n, id, name, unit, kind, agg FROM series WHERE n >= ?1 AND n <= ?2 ORDER "
             "BY n",
             before.series, end.series, isFirst, [&](Statement &s) -> Result<> {
                 chain.series(s.integer(0), s.integer(1), s.text(2), s.text(3), s.integer(4),
                              s.integer(5));
                 return {};
             }));
    DR_RETURN_IF_ERROR(
        feed("SELECT n, sha256, name, data FROM attach WHERE n >= ?1 AND n <= ?2 ORDER BY n",
             before.attach, end.attach, isFirst, [&](Statement &s) -> Result<> {
                 if (!std::ranges::equal(sha256(s.blob(3)), s.blob(1)))
                     return changed("attachment " + s.text(2) + " does not match its hash");
                 chain.attach(s.integer(0), s.blob(1), s.text(2), s.blob(3));
                 return {};
             }));
    return feed("SELECT n, t0, t1, why, lost FROM gap WHERE n >= ?1 AND n <= ?2 ORDER BY n",
                before.gap, end.gap, isFirst, [&](Statement &s) -> Result<> {
                    chain.gap(s.integer(0), s.integer(1), s.integer(2), s.integer(3), s.integer(4));
                    return {};
                });
}

Result<> BatchReader::link(const BatchEnd &before, BatchEnd &end)
{
    ChainHasher chain(before);
    DR_RETURN_IF_ERROR(names(chain, before, end, before.id == 0));
    auto sum = end;
    chain.finish(sum);
    end.metaChain = sum.metaChain;
    end.seriesChain = sum.seriesChain;
    end.attachChain = sum.attachChain;
    end.gapChain = sum.gapChain;
    end.hash = batchHash(before.hash, end);
    return {};
}

Result<> BatchReader::hash(const BatchEnd &before, BatchEnd &end, ChainReport *report)
{
    const bool isFirst = before.id == 0;
    ChainHasher chain(before);
    DR_RETURN_IF_ERROR(names(chain, before, end, isFirst));
    if (m_seq < 0)
        m_seq = before.seq;
    DR_RETURN_IF_ERROR(
        feed("SELECT seq, t, kind, target, payload FROM event WHERE seq >= ?1 AND seq <= ?2 "
             "ORDER BY seq",
             before.seq, end.seq, isFirst, [&](Statement &s) -> Result<> {
                 // A writer numbers without holes and never goes back: a signer's own file must not
                 // either.
                 if (s.integer(0) != m_seq + 1)
                     return changed("event " + std::to_string(m_seq + 1) + " is missing");
                 if (s.integer(1) < m_eventT)
                     return changed("time goes back at event " + std::to_string(m_seq + 1));
                 m_seq = s.integer(0);
                 m_eventT = s.integer(1);
                 if (report)
                     ++report->events;
                 chain.event(s.integer(0), s.integer(1), s.integer(2), s.integer(3), s.blob(4));
                 return {};
             }));
    DR_RETURN_IF_ERROR(feed("SELECT t, vals FROM tick WHERE t >= ?1 AND t <= ?2 ORDER BY t",
                            before.t, end.t, isFirst, [&](Statement &s) -> Result<> {
                                if (report)
                                    ++report->rows;
                                chain.tick(s.integer(0), s.blob(1));
                                return {};
                            }));
    DR_RETURN_IF_ERROR(
        feed("SELECT key, data FROM sketch WHERE key >= ?1 AND key <= ?2 ORDER BY key",
             before.sketch, end.sketch, isFirst, [&](Statement &s) -> Result<> {
                 chain.sketch(s.integer(0), s.blob(1));
                 return {};
             }));
    DR_RETURN_IF_ERROR(feed("SELECT t, seq, state, state_hash FROM keyframe WHERE t >= ?1 "
                            "AND t <= ?2 ORDER BY t",
                            before.t, end.t, isFirst, [&](Statement &s) -> Result<> {
                                if (report)
                                    ++report->keyframes;
                                chain.keyframe(s.integer(0), s.integer(1), s.blob(2), s.blob(3));
                                return {};
                            }));
    chain.finish(end);
    return {};
}

namespace {

class Check
{
public:
    Check(RecordingReader &reader, ChainReport &report, const std::function<bool(double)> &goOn)
        : m_reader(reader), m_batches(reader), m_report(report), m_goOn(goOn)
    {
    }

    Result<> run()
    {
        DR_RETURN_IF_ERROR(prepare());
        DR_RETURN_IF_ERROR(walk());
        if (m_report.batches == 0)
            return changed("it has no batches");
        if (!m_seals.empty())
            return changed("it is sealed at batch " + std::to_string(m_seals.begin()->first)
                           + ", which is not there");
        return leftOvers();
    }

private:
    /// Key and seals first: a head is kept no longer than until it is compared.
    Result<> prepare()
    {
        const auto facts = m_reader.meta();
        if (!facts)
            return tl::unexpected(facts.error());
        const auto signer = facts->find("signer");
        if (signer != facts->end()) {
            m_key = unhex(signer->second);
            m_signer = signer->second;
        }
        auto rows = m_reader.database().prepare("SELECT batch_id, sig FROM seal ORDER BY batch_id");
        if (!rows)
            return tl::unexpected(rows.error());
        while (true) {
            const auto more = rows->step();
            if (!more)
                return tl::unexpected(more.error());
            if (!*more)
                break;
            const auto sig = rows->blob(1);
            m_seals[rows->integer(0)] = Bytes(sig.begin(), sig.end());
        }
        const auto last = m_reader.database().single("SELECT max(id) FROM batch");
        if (!last)
            return tl::unexpected(last.error());
        m_idLast = last->empty() ? 1 : std::stoll(*last);
        return {};
    }

    Result<> walk()
    {
        std::int64_t after = INT64_MIN;
        while (true) {
            auto stored = m_batches.next(after);
            if (!stored)
                return tl::unexpected(stored.error());
            if (!*stored)
                return {};
            const bool isAnchor = after == INT64_MIN && (*stored)->isCut;
            auto taken = isAnchor ? anchor(**stored) : batch(**stored);
            if (!taken)
                return taken;
            after = m_last.id;
            m_report.isWholeTail = false;
            DR_RETURN_IF_ERROR(seal(isAnchor));
            if (m_last.id % 256 == 0 && m_goOn
                && !m_goOn(static_cast<double>(m_last.id) / static_cast<double>(m_idLast)))
                return fail(ErrorCode::Timeout, "Stopped before the end");
        }
    }

    /// The hash before the first batch that a trim kept: what follows proves it.
    Result<> anchor(const BatchReader::Stored &stored)
    {
        m_report.isTrimmed = true;
        m_last = stored.end;
        DR_RETURN_IF_ERROR(m_batches.link({}, m_last));
        m_last.hash = stored.hash;
        m_first = m_kept = m_last;
        return {};
    }

    Result<> batch(const BatchReader::Stored &stored)
    {
        auto end = stored.end;
        const std::string name = "batch " + std::to_string(end.id) + ", after "
                                 + millis(std::max<std::int64_t>(m_last.t, 0));
        if (end.id != m_last.id + 1)
            return changed(name + ", does not follow the one before");
        if (stored.isCut) {
            m_report.isTrimmed = true;
            ++m_report.cut;
            // Names and facts stay, so their chains are counted, not believed.
            DR_RETURN_IF_ERROR(m_batches.link(m_last, end));
        } else {
            if (m_report.cut > 0)
                return changed(name + ", lies behind one that was cut out");
            DR_RETURN_IF_ERROR(m_batches.hash(m_last, end, &m_report));
            ++m_report.batches;
            if (m_report.keptFrom == INT64_MIN)
                m_report.keptFrom = m_last.t;
            m_report.keptTo = end.t;
        }
        if (end.hash != stored.hash)
            return changed(name + ", does not match its hash");
        m_last = end;
        if (!stored.isCut) {
            m_kept = end;
            m_report.soundTo = end.t;
            m_report.soundSeq = static_cast<std::uint64_t>(end.seq);
        }
        return {};
    }

    Result<> seal(bool isAnchor)
    {
        const auto it = m_seals.find(m_last.id);
        if (it == m_seals.end())
            return {};
        if (isAnchor || !m_key
            || !verifySignature(sealText(m_last.id, m_last.hash), it->second, *m_key))
            return changed("the seal of batch " + std::to_string(m_last.id) + " does not fit");
        m_report.sealed = static_cast<std::uint64_t>(m_last.id);
        m_report.isWholeTail = true;
        m_report.signer = m_signer;
        m_seals.erase(it);
        return {};
    }

    /// Rows that no batch speaks of were added later.
    Result<> leftOvers()
    {
        struct Table
        {
            const char *name, *key;
            std::int64_t before, last;
        };
        const auto low = m_report.isTrimmed && m_first.id != 0;
        const Table all[] = {{"meta", "n", INT64_MIN, m_last.meta},
                             {"series", "n", INT64_MIN, m_last.series},
                             {"attach", "n", INT64_MIN, m_last.attach},
                             {"gap", "n", INT64_MIN, m_last.gap},
                             {"event", "seq", low ? m_first.seq : INT64_MIN, m_kept.seq},
                             {"tick", "t", low ? m_first.t : INT64_MIN, m_kept.t},
                             {"sketch", "key", low ? m_first.sketch : INT64_MIN, m_kept.sketch},
                             {"keyframe", "t", low ? m_first.t : INT64_MIN, m_kept.t}};
        for (const auto &table : all) {
            m_reader.database().renewBudget();
            const std::string key = table.key;
            auto found =
                m_reader.database().prepare("SELECT 1 FROM " + std::string(table.name) + " WHERE "
                                            + key + " > ?1 OR (?3 AND " + key + " <= ?2) LIMIT 1");
            if (!found)
                return tl::unexpected(found.error());
            found->bind(1, table.last).bind(2, table.before);
            found->bind(3, std::int64_t{table.before != INT64_MIN});
            const auto isThere = found->step();
            if (!isThere)
                return tl::unexpected(isThere.error());
            if (*isThere)
                return changed("rows were added to " + std::string(table.name));
        }
        return {};
    }

    RecordingReader &m_reader;
    BatchReader m_batches;
    ChainReport &m_report;
    const std::function<bool(double)> &m_goOn;
    std::optional<Bytes> m_key;
    std::string m_signer;
    std::map<std::int64_t, Bytes> m_seals; ///< not yet compared
    BatchEnd m_last, m_first, m_kept;      ///< m_kept: newest whose rows are here
    std::int64_t m_idLast = 1;
};

} // namespace

Result<> checkChain(RecordingReader &reader, ChainReport &report,
                    const std::function<bool(double)> &goOn)
{
    return Check(reader, report, goOn).run();
}

} // namespace engine
