#include "app/ctl/output.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace ctl {
namespace {

/// Columns a UTF-8 text takes in a terminal, near enough: CJK counts double.
std::size_t width(const std::string &text)
{
    std::size_t columns = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if ((byte & 0xC0) == 0x80)
            continue;
        columns += byte >= 0xE3 && byte < 0xF0 ? 2 : 1;
    }
    return columns;
}

} // namespace

int report(const engine::Error &error, bool json)
{
    if (json) {
        printJson(nlohmann::json{{"error", {{"message", error.message}, {"place", error.place}}}});
    }
    std::fprintf(stderr, "drillctl: %s\n", error.text().c_str());
    return engine::exitCode(error.code);
}

Progress::Progress() : m_terminal(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress()
{
    clear();
}

void Progress::line(const std::string &text)
{
    if (!m_terminal)
        return;
    std::fprintf(stderr, "\r\033[2K%s", text.c_str());
    std::fflush(stderr);
    m_dirty = true;
}

void Progress::clear()
{
    if (m_dirty)
        std::fputs("\r\033[2K", stderr);
    m_dirty = false;
}

Table::Table(std::vector<std::string> head, std::vector<bool> right) : m_right(std::move(right))
{
    m_right.resize(head.size(), false);
    m_rows.push_back(std::move(head));
}

void Table::row(std::vector<std::string> cells)
{
    cells.resize(m_right.size());
    m_rows.push_back(std::move(cells));
}

std::string Table::text() const
{
    std::vector<std::size_t> widths(m_right.size(), 0);
    for (const auto &row : m_rows)
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], width(row[i]));
    std::string out;
    for (const auto &row : m_rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string pad(widths[i] - width(row[i]), ' ');
            line += (i ? "  " : "") + (m_right[i] ? pad + row[i] : row[i] + pad);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + "\n";
    }
    return out;
}

void printJson(const nlohmann::json &value)
{
    print(value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

void print(const std::string &text)
{
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

} // namespace ctl
