#pragma once
// SQLite behind RAII and Result: private to this folder, so that no other layer sees its types.

#include "engine/base/bytes.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"

#include <filesystem>
#include <memory>
#include <optional>

struct sqlite3;
struct sqlite3_stmt;

namespace engine {

/// One prepared statement. Columns are read after step() said true. One thread.
class Statement
{
public:
    Statement() = default;
    explicit Statement(sqlite3_stmt *statement) : m_statement(statement) {}
    ~Statement();
    Statement(Statement &&other) noexcept;
    Statement &operator=(Statement &&other) noexcept;

    Statement &bind(int index, std::int64_t value);
    Statement &bind(int index, std::string_view text);
    Statement &bind(int index, std::span<const std::uint8_t> blob);
    /// True: a row is there. False: done. Otherwise what SQLite says.
    [[nodiscard]] Result<bool> step();
    /// Runs to the end and makes it ready for the next use.
    [[nodiscard]] Result<> run();
    void reset();
    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] std::string text(int column) const;
    /// Valid until the next step or reset.
    [[nodiscard]] std::span<const std::uint8_t> blob(int column) const;

private:
    sqlite3_stmt *m_statement = nullptr;
};

/// One connection. Not thread-safe.
class Database
{
public:
    enum class Mode {
        Create,    ///< our new file; an error if it is there
        ReadWrite, ///< a private copy
        ReadOnly,  ///< beside the living writer
        Immutable  ///< a closed file that nobody changes
    };

    Database();
    ~Database();
    Database(Database &&other) noexcept;
    Database &operator=(Database &&other) noexcept;

    [[nodiscard]] static Result<Database> open(const std::filesystem::path &path, Mode mode);
    [[nodiscard]] Result<> execute(const std::string &sql);
    [[nodiscard]] Result<Statement> prepare(std::string_view sql);
    /// First column of the first row as text; "" when there is none.
    [[nodiscard]] Result<std::string> single(std::string_view sql);
    /// For files of unknown origin: no triggers, views or functions of the file, low limits.
    [[nodiscard]] Result<> harden();
    /// Statements that run longer fail; the clock outlives the connection.
    void setBudget(const Clock &clock, Micros budget);
    /// Starts the budget anew.
    void renewBudget();
    /// The file was renamed or deleted under us; SQLite itself would go on writing.
    [[nodiscard]] bool hasMoved() const;
    /// All that is committed, as a new single file; an error if there is one.
    [[nodiscard]] Result<> copyTo(const std::filesystem::path &path);
    [[nodiscard]] bool isOpen() const { return m_database != nullptr; }
    void close();

private:
    struct Budget;
    sqlite3 *m_database = nullptr;
    std::filesystem::path m_path;
    std::unique_ptr<Budget> m_budget;
};

} // namespace engine
