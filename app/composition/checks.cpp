#include "app/composition/checks.h"

#include "app/composition/attach.h"
#include "app/composition/shops.h"
#include "engine/base/digest.h"
#include "engine/base/files.h"

#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sys/statvfs.h>
#include <thread>
#include <unistd.h>

namespace app {
namespace {

namespace fs = std::filesystem;

bool onPath(const char *program)
{
    const char *path = std::getenv("PATH");
    std::string rest = path ? path : "";
    while (!rest.empty()) {
        const auto colon = rest.find(':');
        const auto folder = rest.substr(0, colon);
        if (::access((folder + "/" + program).c_str(), X_OK) == 0)
            return true;
        rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
    }
    return false;
}

double memoryGigabytes()
{
    std::ifstream file("/proc/meminfo");
    std::string key;
    double kilobytes = 0;
    file >> key >> kilobytes;
    return kilobytes / 1e6;
}

bool hasChineseFont()
{
    // Folder names of the Debian packages; asking fontconfig would cost a process.
    std::error_code error;
    for (const char *folder : {"/usr/share/fonts/opentype/noto", "/usr/share/fonts/truetype/wqy",
                               "/usr/share/fonts/truetype/arphic"}) {
        for (const auto &entry : fs::directory_iterator(folder, error)) {
            const auto name = entry.path().filename().string();
            if (name.find("CJK") != std::string::npos || name.find("wqy") != std::string::npos
                || name.find("uming") != std::string::npos)
                return true;
        }
    }
    return false;
}

engine::Check homeCheck(const engine::Paths &paths)
{
    engine::Check check{"Recordings folder", "", "", true};
    if (auto made = engine::makePrivateFolder(paths.recordings()); !made) {
        check.ok = false;
        check.detail = made.error().text();
        check.fix = "set DRILLROOM_HOME to a folder that can be written";
        return check;
    }
    if (::access(paths.recordings().c_str(), W_OK) != 0) {
        check.ok = false;
        check.detail = paths.recordings().string() + " cannot be written";
        check.fix = "set DRILLROOM_HOME to a folder that can be written";
        return check;
    }
    struct statvfs disk
    {
    };
    if (::statvfs(paths.home.c_str(), &disk) == 0) {
        const double free =
            static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize) / 1e9;
        check.detail = fmt::format("{:.0f} GB free, about 2 MB per run", free);
        if (free < 1) {
            check.ok = false;
            check.fix = "free at least 1 GB; recordings live in " + paths.recordings().string();
        }
    }
    return check;
}

engine::Check keyCheck(const engine::Paths &paths)
{
    const auto key = engine::SigningKey::loadOrCreate(paths.signingKey());
    if (!key)
        return {"Signing key", key.error().text(), "move the file away; a new key is made", false};
    return {"Signing key", engine::hex(std::span(key->publicKey()).first(8)) + " ..., kept by you",
            "", true};
}

engine::Check socketCheck(const engine::Paths &paths)
{
    const auto made = engine::makePrivateFolder(paths.runtime);
    const auto length = paths.agentSocket().string().size();
    if (!made)
        return {"Sockets", made.error().text(), "set XDG_RUNTIME_DIR to a folder of your own",
                false};
    if (length > 107)
        return {"Sockets", fmt::format("the path has {} bytes, 107 fit", length),
                "set XDG_RUNTIME_DIR to a shorter path", false};
    return {"Sockets", paths.runtime.string() + ", private to you", "", true};
}

engine::Check engineCheck(const engine::Paths &paths)
{
    const auto replica = paths.binaries / "drillroom-replica";
    if (::access(replica.c_str(), X_OK) != 0)
        return {"Model engine",
                "this build has no LibTorch: recordings can be played, shops cannot run",
                "run ./installer/start", false};
    const bool cuda = fs::exists("/proc/driver/nvidia/version");
    return {"Model engine",
            fmt::format("{}, {} cores, {:.0f} GB memory",
                        cuda ? "CPU and CUDA driver" : "CPU, fp32",
                        std::thread::hardware_concurrency(), memoryGigabytes()),
            "", true};
}

/// One line for each shop whose model servers are not ours.
void addAttached(const engine::Paths &paths, std::vector<engine::Check> &checks)
{
    for (const auto &shop : listShops(paths)) {
        const auto targets = attachedTargets(paths, shop.info.name);
        if (!targets || targets->empty())
            continue;
        checks.push_back(
            {"Shop " + shop.info.name + " is attached",
             fmt::format("{} model servers are not ours: of the faults on them only those of the "
                         "wire (network.cut) can be made, none on their processes or models.",
                         targets->size()),
             "drillctl shop attach " + shop.info.name + " --release goes back to its own", false});
    }
}

} // namespace

std::vector<engine::Check> workstationChecks(const engine::Paths &paths)
{
    std::vector<engine::Check> checks;
    checks.push_back(engineCheck(paths));
    checks.push_back(homeCheck(paths));
    checks.push_back(socketCheck(paths));
    checks.push_back(keyCheck(paths));
    if (!hasChineseFont())
        checks.push_back({"No Chinese font found", "Chinese names would show as boxes.",
                          "apt install fonts-noto-cjk", false});
    if (!fs::exists("/proc/driver/nvidia/version"))
        checks.push_back({"No CUDA device found", "Everything runs on the CPU.", "", false});
    if (!onPath("kubectl"))
        checks.push_back({"kubectl not found", "Only this workstation can be drilled.",
                          "apt install kubernetes-client", false});
    addAttached(paths, checks);
    return checks;
}

} // namespace app
