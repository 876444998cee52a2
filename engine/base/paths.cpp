#include "engine/base/paths.h"

#include "engine/base/digest.h"

#include <cstdlib>
#include <unistd.h>

namespace engine {
namespace {

std::string environment(const char *name)
{
    const char *value = std::getenv(name);
    return value ? value : "";
}

std::filesystem::path dataFolder()
{
    if (const auto home = environment("DRILLROOM_HOME"); !home.empty())
        return std::filesystem::absolute(home);
    if (const auto data = environment("XDG_DATA_HOME"); !data.empty())
        return std::filesystem::path(data) / "drillroom";
    return std::filesystem::path(environment("HOME")) / ".local/share/drillroom";
}

std::filesystem::path runtimeFolder()
{
    const auto runtime = environment("XDG_RUNTIME_DIR");
    if (!runtime.empty() && runtime.size() < 60 && ::access(runtime.c_str(), W_OK) == 0)
        return std::filesystem::path(runtime) / "drillroom";
    return "/tmp/drillroom-" + std::to_string(::getuid());
}

std::string homeTag(const std::filesystem::path &home)
{
    const auto digest = sha256(home.lexically_normal().string());
    return hex({digest.data(), 4});
}

} // namespace

std::filesystem::path Paths::agentSocket() const
{
    return runtime / ("agent-" + homeTag(home) + ".sock");
}

std::filesystem::path Paths::leaseSocket() const
{
    return runtime / ("lease-" + homeTag(home) + ".sock");
}

Paths Paths::fromEnvironment()
{
    Paths paths;
    paths.home = dataFolder();
    paths.runtime = runtimeFolder();
    std::error_code error;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
    paths.binaries = program.parent_path();
    if (paths.binaries.filename() == "tests") // build/tests beside build/bin
        paths.binaries = paths.binaries.parent_path() / "bin";
    if (const auto drills = environment("DRILLROOM_DRILLS"); !drills.empty()) {
        paths.drills = drills;
        return paths;
    }
    // Installed: PREFIX/bin + PREFIX/share/drillroom/drills. Built: build/bin + the source's drills
    // folder.
    const auto installed = paths.binaries.parent_path() / "share/drillroom/drills";
    paths.drills = std::filesystem::exists(installed, error)
                       ? installed
                       : std::filesystem::path(DRILLROOM_SOURCE_DRILLS);
    return paths;
}

} // namespace engine
