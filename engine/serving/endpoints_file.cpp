#include "engine/serving/endpoints_file.h"

#include "engine/drill/tree.h"

#include <fmt/format.h>
#include <set>

namespace engine {
namespace {

Result<std::vector<NodeAddress>> listOf(const Node &root, std::string_view key,
                                        std::string_view file, std::set<std::string> &seen)
{
    std::vector<NodeAddress> out;
    const auto *list = root.find(key);
    if (!list || list->kind == Node::Kind::Null)
        return out;
    const auto wrong = [&](const Node &at, std::string text) {
        return fail(ErrorCode::InvalidInput, std::move(text), placeText(file, at.place));
    };
    if (list->kind != Node::Kind::List)
        return wrong(*list, fmt::format("`{}` must be a list of target and address", key));
    for (const auto &item : list->items) {
        const auto *target = item.kind == Node::Kind::Map ? item.find("target") : nullptr;
        const auto *address = item.kind == Node::Kind::Map ? item.find("address") : nullptr;
        if (!target || !address || target->text.empty()
            || address->text.find(':') == std::string::npos)
            return wrong(item, fmt::format("An entry of `{}` needs target and address, as in "
                                           "{{target: replica/1, address: \"127.0.0.1:4711\"}}",
                                           key));
        if (!seen.insert(target->text).second)
            return wrong(item, fmt::format("`{}` is there twice", target->text));
        out.push_back({target->text, address->text});
    }
    return out;
}

} // namespace

Result<Endpoints> parseEndpoints(std::string_view text, std::string_view file)
{
    const auto checked = checkText(text, file);
    if (!checked)
        return tl::unexpected(checked.error());
    const auto root = parseYamlTree(*checked, file); // JSON is YAML
    if (!root)
        return tl::unexpected(root.error());
    if (root->kind != Node::Kind::Map)
        return fail(ErrorCode::InvalidInput, "The endpoints must be a map with `replicas`",
                    std::string(file));
    std::set<std::string> seen;
    Endpoints out;
    auto replicas = listOf(*root, "replicas", file, seen);
    if (!replicas)
        return tl::unexpected(replicas.error());
    auto standby = listOf(*root, "standby", file, seen);
    if (!standby)
        return tl::unexpected(standby.error());
    out.replicas = std::move(*replicas);
    out.standby = std::move(*standby);
    if (out.replicas.empty())
        return fail(ErrorCode::InvalidInput, "The endpoints name no replica", std::string(file));
    return out;
}

} // namespace engine
