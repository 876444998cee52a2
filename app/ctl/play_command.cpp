// drillctl play FILE: opens the console on Playback of a recording, or says why not.

#include "app/ctl/commands.h"
#include "app/ctl/output.h"
#include "engine/recording/open.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <unistd.h>

namespace ctl {
namespace {

using engine::ErrorCode;
using engine::fail;
using engine::Result;

bool isSet(const char *name)
{
    const char *value = std::getenv(name);
    return value && *value;
}

/// Returns only when it did not work: the console takes this process's place.
Result<> play(const Context &context, const std::string &file)
{
    std::error_code error;
    const auto path = std::filesystem::absolute(file, error);
    if (!std::filesystem::is_regular_file(path, error))
        return fail(ErrorCode::NotFound,
                    "There is no such recording; drillctl recording list names them", file);
    if (const auto readable =
            engine::readSeries(path, engine::systemClock(), 0, 100'000, 1, {"gateway.requests"});
        !readable)
        return tl::unexpected(readable.error());
    if (!isSet("DISPLAY") && !isSet("WAYLAND_DISPLAY") && !isSet("QT_QPA_PLATFORM"))
        return fail(ErrorCode::Unavailable,
                    "There is no display to play it on. In this terminal: drillctl recording "
                    "verdict, recording events, report --out page.html");
    const auto program = (context.paths.binaries / "drillroom").string();
    const char *const arguments[] = {program.c_str(), "--open", path.c_str(), nullptr};
    ::execv(program.c_str(), const_cast<char *const *>(arguments));
    return fail(ErrorCode::Unavailable,
                std::string("The console cannot be started: ") + std::strerror(errno)
                    + "; run ./installer/start --build-only",
                program);
}

} // namespace

void addPlayCommand(CLI::App &app, Context &context)
{
    auto file = std::make_shared<std::string>();
    auto *sub = app.add_subcommand("play", "Open the console on a recording");
    sub->add_option("file", *file, "The recording (.drl)")->required();
    sub->callback([&context, file] {
        if (const auto done = play(context, *file); !done)
            context.exit = report(done.error(), false);
    });
}

} // namespace ctl
