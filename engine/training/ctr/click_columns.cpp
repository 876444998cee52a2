#include "engine/training/ctr/click_columns.h"

#include <algorithm>

namespace engine {
namespace {

std::string joined(const std::vector<std::string> &names)
{
    std::string text;
    for (const auto &name : names)
        text += (text.empty() ? "" : ", ") + name;
    return text;
}

std::vector<std::string> parts(const std::string &text)
{
    std::vector<std::string> names;
    for (std::size_t from = 0; from <= text.size();) {
        const auto to = std::min(text.find('|', from), text.size());
        names.push_back(text.substr(from, to - from));
        from = to + 1;
    }
    return names;
}

bool isLabelName(const std::string &name)
{
    std::string low = name;
    for (auto &c : low)
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return low == "label";
}

} // namespace

Result<ClickColumns> clickColumns(const std::vector<std::string> &header, const Columns &roles,
                                  const std::string &file)
{
    const auto has = [&](const std::string &name) {
        return std::find(header.begin(), header.end(), name) != header.end();
    };
    ClickColumns columns;
    std::set<std::string> taken;
    for (const auto &[role, text] : roles) {
        for (const auto &name : parts(text)) {
            if (!has(name))
                return fail(ErrorCode::InvalidInput,
                            "There is no column '" + name + "' (role " + role
                                + "); the columns are: " + joined(header),
                            file);
            if (role == "label")
                columns.label = name;
            else if (role == "order")
                columns.group = name;
            if (role == "cat" || role == "user" || role == "item" || role == "query")
                columns.categories.insert(name);
            else if (role == "num" || role == "price" || role == "value")
                columns.numbers.insert(name);
            else
                taken.insert(name);
        }
    }
    if (columns.label.empty()) {
        const auto at = std::find_if(header.begin(), header.end(), isLabelName);
        if (at != header.end())
            columns.label = *at;
    }
    taken.insert(columns.label);
    for (const auto &name : header) {
        if (taken.contains(name) && columns.categories.contains(name) == false
            && columns.numbers.contains(name) == false)
            continue;
        if (name == columns.label)
            return fail(ErrorCode::InvalidInput,
                        "The column '" + name + "' cannot be label and feature at once", file);
        columns.features.push_back(name);
    }
    return columns;
}

} // namespace engine
