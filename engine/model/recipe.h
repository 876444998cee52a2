#pragma once
// A training recipe: a family and its settings by name, from a YAML file and from --set. Values
// stay text with their place until a family reads them; what no family knows is an error that names
// the nearest known setting. Values; any thread.

#include "engine/base/error.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

struct RecipeValue
{
    std::string text;
    std::string place; ///< "gowalla.yaml:7:10", or "--set factors"
};

/// File: `family: mf`, `description: ...`, `settings: {factors: 256, ...}`.
struct Recipe
{
    std::string name; ///< file name without ending; empty: no recipe
    std::string family, description;
    std::map<std::string, RecipeValue> settings;
};

[[nodiscard]] Result<Recipe> readRecipe(const std::filesystem::path &file);
/// "factors=256" from the command line; replaces what the file says.
[[nodiscard]] Result<> setSetting(Recipe &recipe, std::string_view assignment);

/// Reads settings into the fields of a family's options. Call once per known name, then finish().
///     SettingsReader in(recipe);
///     in.whole("factors", options.factors, 4, 4096);
///     in.number("alpha0", options.alpha0, 0, 10);
///     DR_RETURN_IF_ERROR(in.finish());
class SettingsReader
{
public:
    explicit SettingsReader(const Recipe &recipe) : m_recipe(recipe) {}
    void whole(const std::string &name, int &value, std::int64_t least, std::int64_t most);
    void number(const std::string &name, double &value, double least, double most);
    void flag(const std::string &name, bool &value); ///< true, false
    void choice(const std::string &name, std::string &value,
                const std::vector<std::string> &choices);
    void text(const std::string &name, std::string &value);
    /// Whether the recipe says it, so that a size-aware default may stay out of its way.
    [[nodiscard]] bool has(const std::string &name) const
    {
        return m_recipe.settings.contains(name);
    }
    /// The first wrong value, or a setting nobody read.
    [[nodiscard]] Result<> finish();

private:
    const RecipeValue *take(const std::string &name);
    void refuse(const std::string &name, const RecipeValue &value, const std::string &rule);

    const Recipe &m_recipe;
    std::vector<std::string> m_known;
    Result<> m_result;
};

} // namespace engine
