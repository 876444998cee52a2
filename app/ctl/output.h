#pragma once
// How drillctl speaks: results on stdout (JSON alone with --json), progress and errors on stderr,
// exit codes of ours.

#include "engine/base/error.h"

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace ctl {

/// Prints the error where people and programs look for it and gives the exit code.
int report(const engine::Error &error, bool json);

/// One line on stderr that is overwritten, only when stderr is a terminal; silent otherwise.
class Progress
{
public:
    Progress();
    ~Progress();
    Progress(const Progress &) = delete;
    Progress &operator=(const Progress &) = delete;
    void line(const std::string &text);
    void clear();
    [[nodiscard]] bool visible() const { return m_terminal; }

private:
    bool m_terminal;
    bool m_dirty = false;
};

/// Columns as wide as their widest cell; numbers to the right where `right` says so.
class Table
{
public:
    explicit Table(std::vector<std::string> head, std::vector<bool> right = {});
    void row(std::vector<std::string> cells);
    [[nodiscard]] std::string text() const;

private:
    std::vector<std::vector<std::string>> m_rows;
    std::vector<bool> m_right;
};

/// Prints JSON with sorted keys and a newline on stdout.
void printJson(const nlohmann::json &value);
void print(const std::string &text);

} // namespace ctl
