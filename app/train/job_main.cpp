#include "app/train/job_main.h"

#include "app/train/job_monitor.h"
#include "app/train/job_run.h"
#include "engine/training/device.h"

#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <unistd.h>

namespace app {
namespace {

/// The first line, byte by byte: what follows belongs to JobControl.
std::string firstLine()
{
    constexpr std::size_t kMost = 1 << 20;
    std::string line;
    char byte = 0;
    while (line.size() < kMost && ::read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n')
        line += byte;
    return line;
}

int sayError(const engine::Error &error)
{
    sayLine(
        {{"error", error.message}, {"code", static_cast<int>(error.code)}, {"place", error.place}});
    return engine::exitCode(error.code);
}

} // namespace

int jobMain()
{
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGINT, SIG_IGN);   // the parent says what Ctrl+C means
    const auto order = firstLine(); // before JobControl, which takes what follows
    int exit = 0;
    {
        JobControl control(engine::systemClock());
        engine::keepBigBlocks();
        try {
            const auto job = parseJob(order);
            auto result = job ? runJob(*job, control, engine::systemClock())
                              : engine::Result<nlohmann::json>(tl::unexpected(job.error()));
            if (result)
                sayLine({{"result", std::move(*result)}});
            else
                exit = sayError(result.error());
        } catch (const std::bad_alloc &) {
            exit = sayError({engine::ErrorCode::Io,
                             "There is not enough memory for this; give less data or a smaller "
                             "model",
                             {}});
        } catch (const std::exception &error) {
            exit = sayError({engine::ErrorCode::Internal, error.what(), {}});
        }
        // LibTorch's threads may still be there: leave without running destructors beside them.
        std::fflush(nullptr);
        ::_exit(exit);
    }
}

int familiesMain()
{
    sayLine({{"families", familiesJson()}});
    std::fflush(nullptr);
    ::_exit(0);
}

} // namespace app
