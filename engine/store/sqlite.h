#pragma once
// The few calls of SQLite that the store needs, with our errors.

#include "engine/base/error.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

struct sqlite3;
struct sqlite3_backup;
struct sqlite3_stmt;

namespace engine::sqlite {

/// A prepared statement; one thread at a time. Bound blobs are borrowed until the next reset.
class Statement
{
public:
    Statement() = default;
    explicit Statement(sqlite3_stmt *statement) : m_statement(statement, &finalize) {}
    Statement &bind(int index, std::uint64_t value);
    Statement &bind(int index, std::span<const std::uint8_t> blob);
    Statement &bind(int index, std::string_view text);
    /// True with a row, false at the end.
    [[nodiscard]] Result<bool> step();
    /// For statements without rows: runs it and makes it ready for the next binding.
    [[nodiscard]] Result<> run();
    [[nodiscard]] std::uint64_t number(int column) const;
    [[nodiscard]] std::span<const std::uint8_t> blob(int column) const;
    [[nodiscard]] std::string text(int column) const;

private:
    static void finalize(sqlite3_stmt *statement);
    std::unique_ptr<sqlite3_stmt, void (*)(sqlite3_stmt *)> m_statement{nullptr, &finalize};
};

class Database
{
public:
    [[nodiscard]] static Result<Database> open(const std::filesystem::path &file);
    [[nodiscard]] Result<Statement> prepare(std::string_view sql);
    /// One or more statements without rows of interest.
    [[nodiscard]] Result<> execute(const char *sql);
    /// The file was renamed or deleted while it is open: what is written now would be lost.
    [[nodiscard]] bool hasMoved();
    [[nodiscard]] sqlite3 *get() const { return m_database.get(); }

private:
    static void close(sqlite3 *database);
    explicit Database(sqlite3 *database) : m_database(database, &close) {}
    std::unique_ptr<sqlite3, void (*)(sqlite3 *)> m_database;
};

/// Deletes the file and what SQLite keeps beside it. A write-ahead log that a killed process left
/// would be taken for one of the file that comes next under its name, and damage it.
[[nodiscard]] Result<> removeDatabase(const std::filesystem::path &file);

/// An online copy of an open database into a new file, a few pages at a time. What its connection
/// commits meanwhile is in the copy. One thread, that of the source's connection.
class Copy
{
public:
    [[nodiscard]] static Result<Copy> begin(Database &source, const std::filesystem::path &to);
    /// True when it is complete; then the file is closed, but not synced.
    [[nodiscard]] Result<bool> step(int pages);

private:
    static void finish(sqlite3_backup *backup);
    Copy(Database target, sqlite3_backup *backup)
        : m_target(std::move(target)), m_backup(backup, &finish)
    {
    }
    std::optional<Database> m_target;
    std::unique_ptr<sqlite3_backup, void (*)(sqlite3_backup *)> m_backup;
};

} // namespace engine::sqlite
