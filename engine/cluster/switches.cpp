#include "engine/cluster/cluster.h"

namespace engine {

bool Switches::set(std::string_view name, bool on)
{
    bool *which = name == "restart"    ? &restart
                  : name == "ejection" ? &ejection
                  : name == "breaker"  ? &breaker
                  : name == "fallback" ? &fallback
                  : name == "retry"    ? &retry
                  : name == "hedging"  ? &hedging
                                       : nullptr;
    if (which)
        *which = on;
    return which != nullptr;
}

} // namespace engine
