#include "engine/serving/canary_file.h"

#include "engine/drill/drill_values.h"
#include "engine/drill/tree.h"

namespace engine {

Result<GivenCanary> parseCanary(std::string_view text, std::string_view file)
{
    const auto checked = checkText(text, file);
    if (!checked)
        return tl::unexpected(checked.error());
    const auto root = parseYamlTree(*checked, file); // JSON is YAML
    if (!root)
        return tl::unexpected(root.error());
    GivenCanary given;
    const auto *canary = root->kind == Node::Kind::Map ? root->find("canary") : nullptr;
    if (!canary || canary->kind == Node::Kind::Null)
        return given;
    const auto *targets = canary->kind == Node::Kind::Map ? canary->find("targets") : nullptr;
    const auto *share = canary->kind == Node::Kind::Map ? canary->find("share") : nullptr;
    const double number = share ? parseNumber(share->text).value_or(-1) : -1;
    if (!targets || targets->kind != Node::Kind::List || number < 0 || number > 1)
        return fail(ErrorCode::InvalidInput,
                    "`canary` needs targets and share, as in {targets: [replica/1], share: 0.2}",
                    placeText(file, canary->place));
    for (const auto &target : targets->items)
        given.targets.push_back(target.text);
    given.share = number;
    return given;
}

} // namespace engine
