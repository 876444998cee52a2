#include "engine/model/strict_json.h"

#include <map>
#include <set>
#include <vector>

namespace engine {
namespace {

constexpr int kDeepest = 8;

/// Thrown out of nlohmann's callback and caught below; never leaves this file.
struct BrokenRule
{
    std::string text;
};

tl::unexpected<Error> wrong(const char *key, const char *what, const std::string &file)
{
    return fail(ErrorCode::InvalidInput, "\"" + std::string(key) + "\" must be " + what, file);
}

} // namespace

Result<nlohmann::json> parseStrictJson(std::span<const std::uint8_t> text, const std::string &file,
                                       std::size_t base)
{
    std::vector<std::set<std::string>> keys;
    const auto rules = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json &value) {
        using Event = nlohmann::json::parse_event_t;
        if (event == Event::object_start || event == Event::array_start) {
            if (depth >= kDeepest)
                throw BrokenRule{"nested deeper than " + std::to_string(kDeepest) + " levels"};
            keys.emplace_back();
        } else if (event == Event::object_end || event == Event::array_end) {
            keys.pop_back();
        } else if (event == Event::key && !keys.back().insert(value.get<std::string>()).second) {
            throw BrokenRule{"the key \"" + value.get<std::string>() + "\" occurs twice"};
        }
        return true;
    };
    const auto place = [&](std::size_t byte) {
        return file + ": byte " + std::to_string(base + byte);
    };
    try {
        auto json = nlohmann::json::parse(text.begin(), text.end(), rules);
        if (!json.is_object())
            return fail(ErrorCode::InvalidInput, "This is not a JSON object", place(0));
        return json;
    } catch (const BrokenRule &rule) {
        return fail(ErrorCode::InvalidInput, "The JSON is refused: " + rule.text, file);
    } catch (const nlohmann::json::parse_error &error) {
        return fail(ErrorCode::InvalidInput, "The JSON is broken", place(error.byte));
    } catch (const nlohmann::json::exception &error) {
        return fail(ErrorCode::InvalidInput, "The JSON is broken: " + std::string(error.what()),
                    file);
    }
}

Result<std::string> jsonText(const nlohmann::json &object, const char *key, const std::string &file)
{
    const auto at = object.find(key);
    if (at == object.end() || !at->is_string())
        return wrong(key, "a text", file);
    return at->get<std::string>();
}

Result<std::uint64_t> jsonCount(const nlohmann::json &object, const char *key,
                                const std::string &file)
{
    const auto at = object.find(key);
    if (at == object.end() || !at->is_number_unsigned())
        return wrong(key, "a whole number from 0", file);
    return at->get<std::uint64_t>();
}

Result<std::map<std::string, double>> jsonNumbers(const nlohmann::json &object, const char *key,
                                                  const std::string &file)
{
    const auto at = object.find(key);
    if (at == object.end() || !at->is_object())
        return wrong(key, "an object of numbers", file);
    std::map<std::string, double> numbers;
    for (const auto &[name, value] : at->items()) {
        if (!value.is_number())
            return wrong(name.c_str(), "a number", file);
        numbers[name] = value.get<double>();
    }
    return numbers;
}

} // namespace engine
