#pragma once
// How fast a recording is read back, in figures: seeks and zooms with the page cache dropped and
// warm, opening and scrubbing as a page does it. For `drillctl bench recording` and tests/bench.

#include "engine/base/clock.h"
#include "engine/base/error.h"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace engine {

/// One kind of query at random places. Times in ms; reads are those of its largest query.
struct BenchLine
{
    std::string what;
    bool isCold = false;
    std::size_t runs = 0;
    double p50 = 0, p95 = 0, p99 = 0, most = 0;
    double cpu = 0; ///< p95 of the thread's own time: what a busy host does not change
    std::uint64_t rows = 0, chunks = 0, sketches = 0, bytes = 0;
};

struct BenchOptions
{
    std::size_t runs = 100;  ///< of each kind
    std::size_t series = 12; ///< drawn at once
    int bins = 1200;         ///< of one picture
    bool checkAll = false;   ///< waits for the timeline's check from the first event, too
    std::uint64_t seed = 1;
};

struct RecordingBench
{
    std::vector<BenchLine> lines;
    double hours = 0, megabytes = 0;
    std::uint64_t events = 0;
    double openMillis = 0;     ///< to the first snapshot with a state, cache dropped; worst of 10
    double drawnMillis = 0;    ///< to the first with the whole recording drawn; worst of 10
    double scrubHz = 0;        ///< pictures per second while seeks come at 60 Hz, cache dropped
    double scrubLagMillis = 0; ///< p99 from a seek to a picture of it or of a later one
    double checkSeconds = -1;  ///< all state hashes from the first event on; -1: not waited for
    std::string problem;       ///< the timeline's, e.g. that a hash differs
};

/// `said` gets each line as it is measured. Needs a closed recording.
[[nodiscard]] Result<RecordingBench>
benchRecording(const std::filesystem::path &path, const BenchOptions &options, const Clock &clock,
               const std::function<void(const std::string &)> &said = {});

/// The table as text.
[[nodiscard]] std::string benchText(const RecordingBench &bench);

} // namespace engine
