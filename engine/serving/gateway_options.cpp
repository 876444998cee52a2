#include "engine/serving/gateway_options.h"

namespace engine {
namespace {

/// "NAME_ms" of the options into `to`, where it is given.
Result<> millisOption(const NodeConfig &config, std::string_view name, Micros &to)
{
    const auto read = config.numberOption(name, to.count() / 1000, 1, 60'000);
    if (!read)
        return tl::unexpected(read.error());
    if (config.options.contains(name))
        to = Micros{*read * 1000};
    return {};
}

} // namespace

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
    DR_RETURN_IF_ERROR(millisOption(config, "per_try_ms", out.perTry));
    DR_RETURN_IF_ERROR(millisOption(config, "store_slice_ms", out.storeSlice));
    DR_RETURN_IF_ERROR(millisOption(config, "ejection_base_ms", out.ejection.base));
    DR_RETURN_IF_ERROR(millisOption(config, "suspect_after_ms", out.ejection.suspectAfter));
    DR_RETURN_IF_ERROR(millisOption(config, "health_interval_ms", out.health.interval));
    DR_RETURN_IF_ERROR(millisOption(config, "health_timeout_ms", out.health.timeout));
    const auto consecutive =
        config.numberOption("ejection_consecutive", out.ejection.consecutive, 1, 1000);
    if (!consecutive)
        return tl::unexpected(consecutive.error());
    out.ejection.consecutive = static_cast<int>(*consecutive);
    return out;
}

} // namespace engine
