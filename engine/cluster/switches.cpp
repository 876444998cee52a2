#include "engine/cluster/cluster.h"

#include <algorithm>

namespace engine {
namespace {

constexpr std::pair<std::string_view, bool Switches::*> kAll[] = {
    {"restart", &Switches::restart},     {"ejection", &Switches::ejection},
    {"breaker", &Switches::breaker},     {"fallback", &Switches::fallback},
    {"retry", &Switches::retry},         {"hedging", &Switches::hedging},
    {"standby", &Switches::standby},     {"deadline", &Switches::deadline},
    {"health", &Switches::health},       {"queue", &Switches::queue},
    {"priority", &Switches::priority},   {"throttle", &Switches::throttle},
    {"cache", &Switches::cache},         {"canary", &Switches::canary},
    {"discovery", &Switches::discovery},
};

} // namespace

bool Switches::set(std::string_view name, bool on)
{
    for (const auto &[known, which] : kAll) {
        if (known != name)
            continue;
        this->*which = on;
        return true;
    }
    return false;
}

std::vector<std::pair<std::string_view, bool>> Switches::all() const
{
    std::vector<std::pair<std::string_view, bool>> out;
    for (const auto &[name, which] : kAll)
        out.emplace_back(name, this->*which);
    return out;
}

Switches Switches::operator&(const Switches &other) const
{
    Switches out;
    for (const auto &[name, which] : kAll)
        out.*which = this->*which && other.*which;
    return out;
}

} // namespace engine
