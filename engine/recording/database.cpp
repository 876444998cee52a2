#include "engine/recording/database.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace engine {
namespace {

tl::unexpected<Error> failSqlite(sqlite3 *database, const std::string &place)
{
    const int code = database ? sqlite3_errcode(database) & 0xFF : SQLITE_NOMEM;
    const std::string why = database ? sqlite3_errmsg(database) : "out of memory";
    switch (code) {
    case SQLITE_FULL:
        return fail(ErrorCode::Io,
                    "The disk is full; free some space, nothing recorded so far is "
                    "lost",
                    place);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
        return fail(ErrorCode::InvalidInput, "The recording is damaged: " + why, place);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return fail(ErrorCode::Busy, "The recording is in use: " + why, place);
    case SQLITE_INTERRUPT:
        return fail(ErrorCode::Timeout,
                    "Reading the recording took too long; it is too large or "
                    "made to be slow",
                    place);
    case SQLITE_IOERR: {
        const int system = sqlite3_system_errno(database);
        return fail(ErrorCode::Io,
                    "The disk refused: " + why
                        + (system ? " (" + std::string(std::strerror(system)) + ")" : ""),
                    place);
    }
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
        return fail(ErrorCode::Io,
                    "The recording cannot be opened or written here (" + why
                        + "); the folder must be there and allow it",
                    place);
    default:
        return fail(ErrorCode::Io, "The recording cannot be used: " + why, place);
    }
}

} // namespace

Statement::~Statement()
{
    sqlite3_finalize(m_statement);
}

Statement::Statement(Statement &&other) noexcept
    : m_statement(std::exchange(other.m_statement, nullptr))
{
}

Statement &Statement::operator=(Statement &&other) noexcept
{
    std::swap(m_statement, other.m_statement);
    return *this;
}

Statement &Statement::bind(int index, std::int64_t value)
{
    sqlite3_bind_int64(m_statement, index, value);
    return *this;
}

Statement &Statement::bind(int index, std::string_view text)
{
    sqlite3_bind_text64(m_statement, index, text.data(), text.size(), SQLITE_TRANSIENT,
                        SQLITE_UTF8);
    return *this;
}

Statement &Statement::bind(int index, std::span<const std::uint8_t> blob)
{
    // A null pointer would bind NULL, not an empty blob.
    static constexpr std::uint8_t kNothing = 0;
    sqlite3_bind_blob64(m_statement, index, blob.empty() ? &kNothing : blob.data(), blob.size(),
                        SQLITE_TRANSIENT);
    return *this;
}

Result<bool> Statement::step()
{
    const int code = sqlite3_step(m_statement);
    if (code == SQLITE_ROW)
        return true;
    if (code == SQLITE_DONE)
        return false;
    return failSqlite(sqlite3_db_handle(m_statement), "");
}

Result<> Statement::run()
{
    auto more = step();
    while (more && *more)
        more = step();
    if (!more) {
        auto error = more.error(); // reset() clears SQLite's own
        reset();
        return tl::unexpected(std::move(error));
    }
    reset();
    return {};
}

void Statement::reset()
{
    sqlite3_reset(m_statement);
}

std::int64_t Statement::integer(int column) const
{
    return sqlite3_column_int64(m_statement, column);
}

std::string Statement::text(int column) const
{
    const auto *data = sqlite3_column_text(m_statement, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(m_statement, column));
    return data ? std::string(reinterpret_cast<const char *>(data), size) : std::string();
}

std::span<const std::uint8_t> Statement::blob(int column) const
{
    const auto *data = static_cast<const std::uint8_t *>(sqlite3_column_blob(m_statement, column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(m_statement, column));
    return data ? std::span(data, size) : std::span<const std::uint8_t>();
}

struct Database::Budget
{
    const Clock *clock;
    Micros budget;
    MonoTime until;
    static int check(void *self)
    {
        const auto *b = static_cast<Budget *>(self);
        return b->clock->now() > b->until ? 1 : 0;
    }
};

Database::Database() = default;

Database::~Database()
{
    close();
}

Database::Database(Database &&other) noexcept
    : m_database(std::exchange(other.m_database, nullptr)), m_path(std::move(other.m_path)),
      m_budget(std::move(other.m_budget))
{
}

Database &Database::operator=(Database &&other) noexcept
{
    std::swap(m_database, other.m_database);
    std::swap(m_path, other.m_path);
    std::swap(m_budget, other.m_budget);
    return *this;
}

void Database::close()
{
    sqlite3_close_v2(m_database); // waits for open statements, takes null
    m_database = nullptr;
}

Result<Database> Database::open(const std::filesystem::path &path, Mode mode)
{
    // As a URI, so that `immutable` can be said; every byte that a URI could misread is escaped.
    std::string uri = "file:";
    for (const char c : std::filesystem::absolute(path).string()) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                           || (c >= '0' && c <= '9') || c == '/' || c == '.' || c == '-'
                           || c == '_';
        const auto byte = static_cast<std::uint8_t>(c);
        uri += plain ? std::string(1, c) : "%" + hex({&byte, 1});
    }
    int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (mode == Mode::Create) {
        flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
        // Made here and not by SQLite: of two who start at once one is refused, and nobody else
        // may read it.
        const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 && errno == EEXIST)
            return fail(ErrorCode::Busy,
                        "The file is already there, perhaps another recording is being written to "
                        "it; choose another name",
                        path.string());
        if (fd < 0)
            return failErrno("Cannot make the recording " + path.string());
        ::close(fd);
    } else if (mode == Mode::ReadWrite) {
        flags |= SQLITE_OPEN_READWRITE;
    } else {
        flags |= SQLITE_OPEN_READONLY;
        uri += mode == Mode::Immutable ? "?immutable=1" : "?mode=ro";
    }
    Database database;
    database.m_path = path;
    if (sqlite3_open_v2(uri.c_str(), &database.m_database, flags, nullptr) != SQLITE_OK)
        return failSqlite(database.m_database, path.string());
    return database;
}

Result<> Database::execute(const std::string &sql)
{
    if (sqlite3_exec(m_database, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
        return failSqlite(m_database, m_path.string());
    return {};
}

Result<Statement> Database::prepare(std::string_view sql)
{
    sqlite3_stmt *statement = nullptr;
    if (sqlite3_prepare_v2(m_database, sql.data(), static_cast<int>(sql.size()), &statement,
                           nullptr)
        != SQLITE_OK)
        return failSqlite(m_database, m_path.string());
    return Statement(statement);
}

Result<std::string> Database::single(std::string_view sql)
{
    auto statement = prepare(sql);
    if (!statement)
        return tl::unexpected(statement.error());
    auto row = statement->step();
    if (!row)
        return tl::unexpected(row.error());
    return *row ? statement->text(0) : std::string();
}

Result<> Database::harden()
{
    const std::pair<int, int> switches[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},        {SQLITE_DBCONFIG_DQS_DML, 0}};
    for (const auto &[what, on] : switches)
        sqlite3_db_config(m_database, what, on, nullptr);
    const std::pair<int, int> limits[] = {
        {SQLITE_LIMIT_LENGTH, 128 << 20},  {SQLITE_LIMIT_SQL_LENGTH, 10'000},
        {SQLITE_LIMIT_COLUMN, 32},         {SQLITE_LIMIT_EXPR_DEPTH, 20},
        {SQLITE_LIMIT_COMPOUND_SELECT, 4}, {SQLITE_LIMIT_VDBE_OP, 25'000},
        {SQLITE_LIMIT_FUNCTION_ARG, 8},    {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 1},   {SQLITE_LIMIT_WORKER_THREADS, 0}};
    for (const auto &[what, most] : limits)
        sqlite3_limit(m_database, what, most);
    return execute("PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA trusted_schema=OFF");
}

void Database::setBudget(const Clock &clock, Micros budget)
{
    m_budget = std::make_unique<Budget>(Budget{&clock, budget, clock.now() + budget});
    sqlite3_progress_handler(m_database, 10'000, &Budget::check, m_budget.get());
}

void Database::renewBudget()
{
    if (m_budget)
        m_budget->until = m_budget->clock->now() + m_budget->budget;
}

bool Database::hasMoved() const
{
    int moved = 0;
    return sqlite3_file_control(m_database, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK
           && moved != 0;
}

Result<> Database::copyTo(const std::filesystem::path &path)
{
    auto copy = prepare("VACUUM INTO ?");
    if (!copy)
        return tl::unexpected(copy.error());
    const auto target = std::filesystem::absolute(path).string();
    copy->bind(1, std::string_view(target));
    DR_RETURN_IF_ERROR(copy->run());
    ::chmod(target.c_str(), 0600);
    return {};
}

} // namespace engine
