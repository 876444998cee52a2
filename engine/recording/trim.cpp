#include "engine/recording/trim.h"

#include "engine/recording/chain_check.h"
#include "engine/recording/schema.h"
#include "engine/recording/verify.h"

#include <algorithm>

namespace engine {
namespace {

Result<> seeTo(Result<bool> more)
{
    return more ? Result<>() : Result<>(tl::unexpected(more.error()));
}

class Trim
{
public:
    Trim(RecordingReader &reader, Database &out) : m_reader(reader), m_out(out), m_batches(reader)
    {
    }

    Result<TrimReport> run(std::int64_t from, std::int64_t to)
    {
        DR_RETURN_IF_ERROR(choose(from, to));
        DR_RETURN_IF_ERROR(m_out.execute("BEGIN"));
        DR_RETURN_IF_ERROR(names());
        DR_RETURN_IF_ERROR(rows());
        DR_RETURN_IF_ERROR(hashes());
        DR_RETURN_IF_ERROR(derived());
        DR_RETURN_IF_ERROR(m_out.execute("COMMIT"));
        m_report.from = m_before.id == 0 ? firstTime() : m_before.t;
        m_report.to = m_last.t;
        return m_report;
    }

private:
    std::int64_t firstTime()
    {
        const auto span = m_reader.span();
        return span && *span ? (*span)->first : 0;
    }

    Result<std::optional<std::int64_t>> number(const std::string &sql, std::int64_t bound)
    {
        m_reader.database().renewBudget();
        auto statement = m_reader.database().prepare(sql);
        if (!statement)
            return tl::unexpected(statement.error());
        statement->bind(1, bound);
        const auto row = statement->step();
        if (!row)
            return tl::unexpected(row.error());
        return *row ? std::optional(statement->integer(0)) : std::nullopt;
    }

    Result<BatchEnd> batch(std::int64_t id)
    {
        auto stored = m_batches.next(id - 1);
        if (!stored)
            return tl::unexpected(stored.error());
        if (!*stored || (*stored)->end.id != id)
            return fail(ErrorCode::Untrusted,
                        "The recording was changed: batch " + std::to_string(id) + " is missing");
        (*stored)->end.hash = (*stored)->hash;
        return (*stored)->end;
    }

    /// Which batches stay, which are linked to the next seal.
    Result<> choose(std::int64_t from, std::int64_t to)
    {
        const auto keyframe =
            number("SELECT t FROM keyframe WHERE t <= ? ORDER BY t DESC LIMIT 1", from);
        const auto newest = number("SELECT max(id) FROM batch WHERE id > ?", 0);
        if (!keyframe || !newest)
            return tl::unexpected(keyframe ? newest.error() : keyframe.error());
        std::int64_t first = 1, last = newest->value_or(0);
        const auto covering = "SELECT id FROM batch WHERE t_last >= ? ORDER BY id LIMIT 1";
        if (*keyframe) {
            const auto found = number(covering, **keyframe);
            if (!found)
                return tl::unexpected(found.error());
            first = found->value_or(1);
        }
        const auto end = number(covering, to);
        if (!end)
            return tl::unexpected(end.error());
        last = std::max(first, end->value_or(last));
        const auto newestId = newest->value_or(0);
        if (first == 1 && last >= newestId)
            return fail(ErrorCode::InvalidInput,
                        "The range covers the whole recording; there is nothing to cut");
        // At least one link shows that the file is a part.
        auto seal = number("SELECT batch_id FROM seal WHERE batch_id >= ? ORDER BY batch_id LIMIT "
                           "1",
                           first == 1 ? last + 1 : last);
        if (!seal)
            return tl::unexpected(seal.error());
        m_report.isSealed = seal->has_value();
        const auto linked = seal->value_or(std::min(newestId, last + 1));
        DR_RETURN_IF_ERROR(load(first, last, linked));
        m_report.kept = static_cast<std::uint64_t>(last - first + 1);
        m_report.linked = static_cast<std::uint64_t>(linked - last);
        return {};
    }

    Result<> load(std::int64_t first, std::int64_t last, std::int64_t linked)
    {
        if (first > 1) {
            auto before = batch(first - 1);
            if (!before)
                return tl::unexpected(before.error());
            m_before = *before;
        }
        auto end = batch(last), link = batch(linked);
        if (!end || !link)
            return tl::unexpected(end ? link.error() : end.error());
        m_last = *end;
        m_link = *link;
        return {};
    }

    /// `kinds`: one letter per column, i(nteger), t(ext) or b(lob).
    Result<> copy(const std::string &table, const std::string &columns, const std::string &key,
                  std::string_view kinds, std::int64_t from, std::int64_t to, bool isFromStart)
    {
        m_reader.database().renewBudget();
        auto rows =
            m_reader.database().prepare("SELECT " + columns + " FROM " + table + " WHERE " + key
                                        + " >= ?1 AND " + key + " <= ?2 ORDER BY " + key);
        std::string places = "?";
        for (std::size_t i = 1; i < kinds.size(); ++i)
            places += ",?";
        auto insert =
            m_out.prepare("INSERT INTO " + table + "(" + columns + ") VALUES(" + places + ")");
        if (!rows || !insert)
            return tl::unexpected(rows ? insert.error() : rows.error());
        if (!isFromStart && from == INT64_MAX)
            return {}; // no key is greater
        rows->bind(1, isFromStart ? INT64_MIN : from + 1).bind(2, to);
        while (true) {
            m_reader.database().renewBudget();
            const auto more = rows->step();
            if (!more || !*more)
                return seeTo(more);
            for (int i = 0; i < static_cast<int>(kinds.size()); ++i) {
                switch (kinds[static_cast<std::size_t>(i)]) {
                case 'i':
                    insert->bind(i + 1, rows->integer(i));
                    break;
                case 't':
                    insert->bind(i + 1, std::string_view(rows->text(i)));
                    break;
                default:
                    insert->bind(i + 1, rows->blob(i));
                }
            }
            DR_RETURN_IF_ERROR(insert->run());
        }
    }

    /// Names and facts whole, as far as the last link counts them.
    Result<> names()
    {
        DR_RETURN_IF_ERROR(copy("meta", "n,k,v", "n", "itt", INT64_MIN, m_link.meta, true));
        DR_RETURN_IF_ERROR(copy("series", "id,name,unit,kind,agg,n", "n", "ittiii", INT64_MIN,
                                m_link.series, true));
        DR_RETURN_IF_ERROR(
            copy("attach", "n,sha256,name,data", "n", "ibtb", INT64_MIN, m_link.attach, true));
        return copy("gap", "n,t0,t1,why,lost", "n", "iiiii", INT64_MIN, m_link.gap, true);
    }

    Result<> rows()
    {
        const bool all = m_before.id == 0;
        DR_RETURN_IF_ERROR(copy("event", "seq,t,kind,target,payload", "seq", "iiiib", m_before.seq,
                                m_last.seq, all));
        DR_RETURN_IF_ERROR(copy("tick", "t,vals", "t", "ib", m_before.t, m_last.t, all));
        DR_RETURN_IF_ERROR(
            copy("sketch", "key,data", "key", "ib", m_before.sketch, m_last.sketch, all));
        return copy("keyframe", "t,seq,state,state_hash", "t", "iibb", m_before.t, m_last.t, all);
    }

    /// Of the part's own rows, so that it is drawn as fast as the whole.
    Result<> derived()
    {
        auto insert = m_out.prepare("INSERT INTO chunk(key,data) VALUES(?,?)");
        if (!insert)
            return tl::unexpected(insert.error());
        pyramid::Part part;
        part.toT = m_last.t;
        part.toSketch = m_last.sketch;
        if (m_before.id != 0) {
            part.afterT = m_before.t;
            part.afterSketch = m_before.sketch;
        }
        return pyramid::derive(m_reader, part, [&](const pyramid::Chunk &chunk) {
            insert->bind(1, chunk.key).bind(2, std::span<const std::uint8_t>(chunk.data));
            return insert->run();
        });
    }

    Result<> link(const BatchEnd &end)
    {
        auto insert = m_out.prepare("INSERT INTO batch VALUES(?,?,?,?,?,?,?,?,?)");
        if (!insert)
            return tl::unexpected(insert.error());
        Writer both;
        both.raw(end.rows);
        both.raw(end.hash);
        const auto bytes = both.take();
        const std::int64_t numbers[] = {end.id,     end.t,      end.seq, end.series,
                                        end.sketch, end.attach, end.gap, end.meta};
        for (int i = 0; i < 8; ++i)
            insert->bind(i + 1, numbers[i]);
        insert->bind(9, std::span<const std::uint8_t>(bytes));
        return insert->run();
    }

    Result<> hashes()
    {
        if (m_before.id != 0)
            DR_RETURN_IF_ERROR(link(m_before));
        const std::string columns =
            "id,t_last,seq_last,series_last,sketch_last,attach_last,gap_last,meta_last,hash";
        DR_RETURN_IF_ERROR(
            copy("batch", columns, "id", "iiiiiiiib", m_before.id, m_last.id, false));
        auto before = m_last;
        while (before.id < m_link.id) {
            auto end = batch(before.id + 1);
            if (!end)
                return tl::unexpected(end.error());
            auto counted = *end;
            DR_RETURN_IF_ERROR(m_batches.hash(before, counted, nullptr));
            end->rows = counted.rows;
            DR_RETURN_IF_ERROR(link(*end));
            before = *end;
        }
        return copy("seal", "batch_id,sig", "batch_id", "ib", m_before.id, m_link.id, false);
    }

    RecordingReader &m_reader;
    Database &m_out;
    BatchReader m_batches;
    BatchEnd m_before, m_last, m_link; ///< before the part, its last one, the sealed one behind it
    TrimReport m_report;
};

Result<Database> create(const std::filesystem::path &out)
{
    auto database = Database::open(out, Database::Mode::Create);
    if (!database)
        return database;
    std::string sql = "PRAGMA page_size=" + std::to_string(schema::kPageSize)
                      + "; PRAGMA application_id=" + std::to_string(schema::kApplicationId)
                      + "; PRAGMA user_version=" + std::to_string(schema::kVersion) + "; BEGIN;";
    for (const auto table : schema::kTables)
        sql += std::string(table) + ";";
    DR_RETURN_IF_ERROR(database->execute(sql + "COMMIT"));
    return database;
}

} // namespace

Result<TrimReport> trimRecording(const std::filesystem::path &path, std::int64_t from,
                                 std::int64_t to, const std::filesystem::path &out,
                                 const Clock &clock)
{
    if (from >= to)
        return fail(ErrorCode::InvalidInput, "The range is empty: it must end after it starts");
    auto reader = RecordingReader::open(path, clock);
    if (!reader)
        return tl::unexpected(reader.error());
    const auto facts = reader->meta();
    if (!facts)
        return tl::unexpected(facts.error());
    const auto chain = facts->find("chain");
    if (reader->isNewer() || chain == facts->end() || chain->second != schema::kChain)
        return fail(ErrorCode::InvalidInput,
                    "The recording is of another version; trim it with the version that made it",
                    path.string());
    if (reader->isTrimmed())
        return fail(ErrorCode::InvalidInput,
                    "This is a part of a recording already; trim the original", path.string());
    auto database = create(out);
    if (!database)
        return tl::unexpected(database.error());
    auto report = Trim(*reader, *database).run(from, to);
    database->close();
    const auto giveUp = [&](Error error) -> tl::unexpected<Error> {
        std::error_code ignored;
        std::filesystem::remove(out, ignored);
        std::filesystem::remove(out.string() + "-journal", ignored);
        return tl::unexpected(std::move(error));
    };
    if (!report)
        return giveUp(report.error());
    // A part that proves nothing is not left behind.
    const auto verified = verifyRecording(out, clock);
    if (verified.exitCode != 0 && verified.exitCode != 3)
        return giveUp({ErrorCode::Untrusted,
                       "The part does not match its chain: " + verified.sentence, path.string()});
    return report;
}

} // namespace engine
