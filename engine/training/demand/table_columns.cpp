#include "engine/training/demand/table_columns.h"

#include "engine/data/field.h"

#include <algorithm>
#include <array>

namespace engine {
namespace {

std::string lower(std::string_view text)
{
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

} // namespace

std::vector<std::string> namesOf(const std::string &text)
{
    std::vector<std::string> names;
    std::size_t from = 0;
    for (;;) {
        const auto at = text.find('|', from);
        const std::string name(trimmed(std::string_view(text).substr(from, at - from)));
        if (!name.empty())
            names.push_back(name);
        if (at == std::string::npos)
            return names;
        from = at + 1;
    }
}

bool isBlank(std::string_view text)
{
    static constexpr std::array<std::string_view, 7> kBlank{"",     "nan", "na",  "null",
                                                            "none", "n/a", "#n/a"};
    const auto plain = lower(trimmed(text));
    return std::find(kBlank.begin(), kBlank.end(), plain) != kBlank.end();
}

Result<TableColumns> findTableColumns(const CsvReader &csv, const Columns &columns,
                                      const DemandSchema *schema, bool needsValue)
{
    const auto &header = csv.header();
    const auto refuse = [&](const std::string &role, const std::string &name) {
        std::string all;
        for (const auto &each : header)
            all += (all.empty() ? "" : ", ") + cleanText(each);
        return csv.source().broken("There is no column \"" + name + "\" for the role " + role
                                       + "; the columns are " + all.substr(0, 400)
                                       + "; say which one it is with --columns " + role + "=NAME",
                                   1, 1);
    };
    for (std::size_t i = 0; i < header.size(); ++i) {
        if (std::find(header.begin(), header.begin() + static_cast<std::ptrdiff_t>(i), header[i])
            != header.begin() + static_cast<std::ptrdiff_t>(i))
            return csv.source().broken(
                "The column \"" + cleanText(header[i]) + "\" stands twice in the header", 1, 1);
    }
    for (const auto &[role, name] : columns) {
        static constexpr std::array<std::string_view, 8> kRoles{"series", "time", "value", "label",
                                                                "price",  "num",  "cat",   "known"};
        if (std::find(kRoles.begin(), kRoles.end(), role) == kRoles.end())
            return fail(ErrorCode::Usage,
                        "The role \"" + role
                            + "\" means nothing to the family demand; its roles are series, time, "
                              "value, label, price, num, cat, known");
    }
    const auto place = [&](const std::string &name) -> std::optional<std::size_t> {
        const auto at = std::find(header.begin(), header.end(), name);
        if (at == header.end())
            return std::nullopt;
        return static_cast<std::size_t>(at - header.begin());
    };
    const auto given = [&](const std::string &role) -> std::optional<std::string> {
        const auto at = columns.find(role);
        return at == columns.end() ? std::nullopt : std::optional(at->second);
    };
    std::vector<bool> used(header.size(), false);
    TableColumns out;

    const auto series = given("series");
    const auto keys = series ? namesOf(*series)
                      : schema
                              && std::all_of(schema->keyNames.begin(), schema->keyNames.end(),
                                             [&](const auto &name) { return place(name); })
                          ? schema->keyNames
                          : std::vector<std::string>{"series"};
    for (const auto &name : keys) {
        const auto at = place(name);
        if (!at)
            return refuse("series", name);
        out.keys.push_back(*at);
        used[*at] = true;
    }
    const auto single = [&](const std::string &role,
                            const std::string &ofSchema) -> Result<std::optional<std::size_t>> {
        const auto name = given(role);
        if (name) {
            const auto at = place(*name);
            if (!at)
                return refuse(role, *name);
            return at;
        }
        if (const auto at = ofSchema.empty() ? std::nullopt : place(ofSchema))
            return at;
        return place(role);
    };
    const auto time = single("time", schema ? schema->timeName : "");
    if (!time)
        return tl::unexpected(time.error());
    if (!*time)
        return refuse("time", "time");
    out.time = **time;
    used[out.time] = true;
    auto value = single("value", schema ? schema->valueName : "");
    if (!value)
        return tl::unexpected(value.error());
    if (!*value) {
        value = single("label", "");
        if (!value)
            return tl::unexpected(value.error());
    }
    out.value = *value;
    if (!out.value && needsValue)
        return refuse("value", "value");
    if (out.value)
        used[*out.value] = true;
    const auto price = single("price", "");
    if (!price)
        return tl::unexpected(price.error());
    if (*price && !used[**price]) {
        out.others.push_back({**price, header[**price], true, given("price").has_value()});
        used[**price] = true;
    }
    for (const std::string role : {"num", "cat"}) {
        const auto text = given(role);
        for (const auto &name : text ? namesOf(*text) : std::vector<std::string>{}) {
            const auto at = place(name);
            if (!at)
                return refuse(role, name);
            if (used[*at])
                continue;
            out.others.push_back({*at, name, false, true, role == "cat"});
            used[*at] = true;
        }
    }
    for (std::size_t i = 0; i < header.size(); ++i) {
        if (!used[i])
            out.others.push_back({i, header[i]});
    }
    if (const auto known = given("known")) {
        out.tellsKnown = true;
        for (const auto &name : namesOf(*known)) {
            const auto at = std::find_if(out.others.begin(), out.others.end(),
                                         [&](const auto &other) { return other.name == name; });
            if (at == out.others.end())
                return refuse("known", name);
            at->isKnown = true;
        }
    }
    return out;
}

} // namespace engine
