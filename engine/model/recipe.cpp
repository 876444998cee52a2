#include "engine/model/recipe.h"

#include "engine/base/files.h"
#include "engine/data/field.h"
#include "engine/drill/tree.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <numeric>

namespace engine {
namespace {

/// Edit distance (Levenshtein), for "did you mean".
std::size_t distance(std::string_view a, std::string_view b)
{
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), 0u);
    for (std::size_t i = 0; i < a.size(); ++i) {
        auto diagonal = row[0]++;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const auto change = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, change});
        }
    }
    return row.back();
}

} // namespace

Result<Recipe> readRecipe(const std::filesystem::path &file)
{
    const auto bytes = readFile(file, kMostText);
    if (!bytes)
        return tl::unexpected(bytes.error());
    const auto place = file.filename().string();
    const auto text =
        checkText({reinterpret_cast<const char *>(bytes->data()), bytes->size()}, place);
    if (!text)
        return tl::unexpected(text.error());
    const auto tree = parseYamlTree(*text, place);
    if (!tree)
        return tl::unexpected(tree.error());
    const auto refuse = [&](const std::string &rule, SourcePlace where) {
        return fail(ErrorCode::InvalidInput, rule, placeText(place, where));
    };
    if (tree->kind != Node::Kind::Map)
        return refuse("A recipe is a map with family and settings", tree->place);
    Recipe recipe;
    recipe.name = file.stem().string();
    for (const auto &[key, where, value] : tree->members) {
        if (key == "family" || key == "description") {
            if (value.kind != Node::Kind::Scalar)
                return refuse(key + " is one line of text", value.place);
            (key == "family" ? recipe.family : recipe.description) = value.text;
        } else if (key == "settings") {
            if (value.kind != Node::Kind::Map)
                return refuse("settings is a map of name: value", value.place);
            for (const auto &setting : value.members) {
                if (setting.value.kind != Node::Kind::Scalar)
                    return refuse("The setting " + setting.key + " needs one value",
                                  setting.value.place);
                recipe.settings[setting.key] = {setting.value.text,
                                                placeText(place, setting.value.place)};
            }
        } else {
            return refuse("A recipe has family, description and settings, but no " + key, where);
        }
    }
    if (recipe.family.empty())
        return refuse("A recipe must name its family", tree->place);
    return recipe;
}

Result<> setSetting(Recipe &recipe, std::string_view assignment)
{
    const auto at = assignment.find('=');
    if (at == std::string_view::npos || at == 0)
        return fail(ErrorCode::Usage,
                    "--set takes name=value, for instance --set factors=128; got '"
                        + std::string(assignment) + "'");
    const std::string name(trimmed(assignment.substr(0, at)));
    recipe.settings[name] = {std::string(trimmed(assignment.substr(at + 1))), "--set " + name};
    return {};
}

const RecipeValue *SettingsReader::take(const std::string &name)
{
    m_known.push_back(name);
    const auto at = m_recipe.settings.find(name);
    return at == m_recipe.settings.end() ? nullptr : &at->second;
}

void SettingsReader::refuse(const std::string &name, const RecipeValue &value,
                            const std::string &rule)
{
    if (m_result)
        m_result =
            fail(ErrorCode::InvalidInput,
                 fmt::format("{} must be {}, not '{}'", name, rule, value.text), value.place);
}

void SettingsReader::whole(const std::string &name, int &value, std::int64_t least,
                           std::int64_t most)
{
    const auto *given = take(name);
    if (!given)
        return;
    const auto number = numberOf(given->text);
    if (!number || *number != std::floor(*number) || *number < static_cast<double>(least)
        || *number > static_cast<double>(most))
        refuse(name, *given, fmt::format("a whole number from {} to {}", least, most));
    else
        value = static_cast<int>(*number);
}

void SettingsReader::number(const std::string &name, double &value, double least, double most)
{
    const auto *given = take(name);
    if (!given)
        return;
    const auto number = numberOf(given->text);
    if (!number || *number < least || *number > most)
        refuse(name, *given, fmt::format("a number from {} to {}", least, most));
    else
        value = *number;
}

void SettingsReader::flag(const std::string &name, bool &value)
{
    const auto *given = take(name);
    if (!given)
        return;
    if (given->text != "true" && given->text != "false")
        refuse(name, *given, "true or false");
    else
        value = given->text == "true";
}

void SettingsReader::choice(const std::string &name, std::string &value,
                            const std::vector<std::string> &choices)
{
    const auto *given = take(name);
    if (!given)
        return;
    if (std::find(choices.begin(), choices.end(), given->text) == choices.end())
        refuse(name, *given, fmt::format("one of {}", fmt::join(choices, ", ")));
    else
        value = given->text;
}

void SettingsReader::text(const std::string &name, std::string &value)
{
    if (const auto *given = take(name))
        value = given->text;
}

Result<> SettingsReader::finish()
{
    DR_RETURN_IF_ERROR(m_result);
    for (const auto &[name, value] : m_recipe.settings) {
        if (std::find(m_known.begin(), m_known.end(), name) != m_known.end())
            continue;
        const auto nearest =
            std::min_element(m_known.begin(), m_known.end(), [&](const auto &a, const auto &b) {
                return distance(name, a) < distance(name, b);
            });
        return fail(ErrorCode::InvalidInput,
                    fmt::format("There is no setting {}{}; known: {}", name,
                                nearest == m_known.end() ? "" : "; did you mean " + *nearest,
                                fmt::join(m_known, ", ")),
                    value.place);
    }
    return {};
}

} // namespace engine
