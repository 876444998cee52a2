#include "engine/store/sqlite.h"

#include <fmt/format.h>
#include <sqlite3.h>

namespace engine::sqlite {
namespace {

tl::unexpected<Error> failed(sqlite3 *database)
{
    const int code = sqlite3_extended_errcode(database);
    const bool damaged = (code & 0xFF) == SQLITE_CORRUPT || (code & 0xFF) == SQLITE_NOTADB;
    const char *name = sqlite3_db_filename(database, "main");
    return fail(damaged ? ErrorCode::InvalidInput : ErrorCode::Io,
                fmt::format("SQLite: {}", sqlite3_errmsg(database)), name ? name : "");
}

} // namespace

void Statement::finalize(sqlite3_stmt *statement)
{
    sqlite3_finalize(statement);
}

Statement &Statement::bind(int index, std::uint64_t value)
{
    sqlite3_bind_int64(m_statement.get(), index, static_cast<sqlite3_int64>(value));
    return *this;
}

Statement &Statement::bind(int index, std::span<const std::uint8_t> blob)
{
    // A null pointer would bind NULL instead of an empty blob.
    sqlite3_bind_blob64(m_statement.get(), index, blob.empty() ? "" : (const void *)blob.data(),
                        blob.size(), SQLITE_STATIC);
    return *this;
}

Statement &Statement::bind(int index, std::string_view text)
{
    sqlite3_bind_text64(m_statement.get(), index, text.data(), text.size(), SQLITE_TRANSIENT,
                        SQLITE_UTF8);
    return *this;
}

Result<bool> Statement::step()
{
    const int code = sqlite3_step(m_statement.get());
    if (code == SQLITE_ROW)
        return true;
    if (code == SQLITE_DONE)
        return false;
    return failed(sqlite3_db_handle(m_statement.get()));
}

Result<> Statement::run()
{
    auto stepped = step();
    sqlite3_reset(m_statement.get());
    if (!stepped)
        return tl::unexpected(stepped.error());
    return {};
}

std::uint64_t Statement::number(int column) const
{
    return static_cast<std::uint64_t>(sqlite3_column_int64(m_statement.get(), column));
}

std::span<const std::uint8_t> Statement::blob(int column) const
{
    const auto *data =
        static_cast<const std::uint8_t *>(sqlite3_column_blob(m_statement.get(), column));
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(m_statement.get(), column))};
}

std::string Statement::text(int column) const
{
    const auto *data = sqlite3_column_text(m_statement.get(), column);
    return data ? reinterpret_cast<const char *>(data) : "";
}

void Database::close(sqlite3 *database)
{
    sqlite3_close(database);
}

Result<Database> Database::open(const std::filesystem::path &file)
{
    sqlite3 *handle = nullptr;
    const int code =
        sqlite3_open_v2(file.c_str(), &handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    Database database(handle);
    if (code != SQLITE_OK)
        return fail(ErrorCode::Io, fmt::format("SQLite: {}", sqlite3_errstr(code)), file.string());
    sqlite3_busy_timeout(handle, 2000);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    return database;
}

Result<Statement> Database::prepare(std::string_view sql)
{
    sqlite3_stmt *statement = nullptr;
    if (sqlite3_prepare_v2(get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr)
        != SQLITE_OK)
        return failed(get());
    return Statement(statement);
}

Result<> Database::execute(const char *sql)
{
    if (sqlite3_exec(get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK)
        return failed(get());
    return {};
}

bool Database::hasMoved()
{
    int moved = 0;
    const int code = sqlite3_file_control(get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return code == SQLITE_OK && moved != 0;
}

Result<> removeDatabase(const std::filesystem::path &file)
{
    for (const char *suffix : {"-wal", "-shm", "-journal", ""}) {
        std::error_code error;
        std::filesystem::remove(file.string() + suffix, error);
        if (error)
            return fail(ErrorCode::Io, "The old file cannot be removed: " + error.message(),
                        file.string() + suffix);
    }
    return {};
}

void Copy::finish(sqlite3_backup *backup)
{
    sqlite3_backup_finish(backup);
}

Result<Copy> Copy::begin(Database &source, const std::filesystem::path &to)
{
    DR_RETURN_IF_ERROR(removeDatabase(to)); // what an earlier process left half done
    auto target = Database::open(to);
    if (!target)
        return tl::unexpected(target.error());
    // Whoever takes the finished file over syncs it; a small cache, for it is written once.
    DR_RETURN_IF_ERROR(target->execute("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF;"
                                       "PRAGMA cache_size = -1024"));
    auto *backup = sqlite3_backup_init(target->get(), "main", source.get(), "main");
    if (!backup)
        return failed(target->get());
    return Copy(std::move(*target), backup);
}

Result<bool> Copy::step(int pages)
{
    const int code = sqlite3_backup_step(m_backup.get(), pages);
    if (code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return false;
    m_backup.reset();
    if (code == SQLITE_DONE) {
        m_target.reset();
        return true;
    }
    return fail(ErrorCode::Io,
                fmt::format("SQLite: the backup cannot be written: {}", sqlite3_errstr(code)));
}

} // namespace engine::sqlite
