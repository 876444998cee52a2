#include "engine/serving/gateway_options.h"

#include <algorithm>

namespace engine {
Result<GatewayOptions> gatewayOptions(const NodeConfig &config)
{
    GatewayOptions out;
    auto replicas = addressesOption(config, "replicas");
    if (!replicas)
        return tl::unexpected(replicas.error());
    out.replicas = std::move(*replicas);
    auto standby = addressesOption(config, "standby");
    if (!standby)
        return tl::unexpected(standby.error());
    out.standby = std::move(*standby);
    if (config.options.contains("store")) {
        auto store = config.textOption("store");
        if (!store)
            return tl::unexpected(store.error());
        out.store = std::move(*store);
    }
    if (const auto at = config.options.find("applications"); at != config.options.end()) {
        const bool isList = at->is_array() && std::ranges::all_of(*at, [](const auto &name) {
                                return name.is_string();
                            });
        if (!isList)
            return fail(ErrorCode::InvalidInput,
                        "The option \"applications\" must be a list of names");
        at->get_to(out.served);
    }
    if (const auto at = config.options.find("dialect"); at != config.options.end()) {
        auto dialect = dialectFrom(*at);
        if (!dialect)
            return tl::unexpected(dialect.error());
        out.dialect = std::move(*dialect);
    }
    for (const auto &[name, to] :
         {std::pair{"settings", &out.settingsFile}, std::pair{"endpoints", &out.endpointsFile}}) {
        if (!config.options.contains(name))
            continue;
        auto file = config.textOption(name);
        if (!file)
            return tl::unexpected(file.error());
        *to = *file;
    }
    return out;
}

} // namespace engine
