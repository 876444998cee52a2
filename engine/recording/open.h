#pragma once
// What composition needs of this folder, without a type of SQLite: live and closed timelines, the
// state and verdict of a file, lists.

#include "engine/base/clock.h"
#include "engine/event/timeline.h"

#include <filesystem>
#include <functional>

namespace engine {

/// Never null; a file that cannot be read shows in the snapshot's `problem`. `clock` outlives it.
[[nodiscard]] std::unique_ptr<Timeline> openTimeline(const std::filesystem::path &path,
                                                     bool isLiving, const Clock &clock);

/// A recording folded to its end.
struct FoldedRun
{
    static constexpr std::size_t kMostEvents = 250'000;
    RunState state;
    bool closed = false;         ///< the writer finished it
    std::int64_t differsAt = -1; ///< us since t = 0 where a keyframe's hash did not come out, or -1
    std::map<std::string, std::string> meta;
    std::vector<Event> events; ///< the first of them, if there are more than memory should hold
    std::uint64_t eventsLeftOut = 0;
};

/// Folds from the first event on (not from keyframes). An unclosed file gives what it has.
[[nodiscard]] Result<FoldedRun> foldFile(const std::filesystem::path &path, const Clock &clock);

/// Calls `each` for the rows with from < t <= to, in order.
[[nodiscard]] Result<> readRows(const std::filesystem::path &path, const Clock &clock,
                                std::int64_t from, std::int64_t to,
                                const std::function<void(const RowView &)> &each);

/// The series over [from, to) in at most `bins` bins, as the pages draw them.
[[nodiscard]] Result<TimelineSnapshot> readSeries(const std::filesystem::path &path,
                                                  const Clock &clock, std::int64_t from,
                                                  std::int64_t to, int bins,
                                                  const std::vector<std::string> &series);

/// It can be read, and it is one of a training (its `training` stands in the file's facts).
[[nodiscard]] bool isTrainingRecording(const std::filesystem::path &path, const Clock &clock);

struct ListedRecording
{
    std::filesystem::path path;
    std::string title, shop, run;
    std::string word;        ///< PASS, FAIL ... as the writer found it; "" while unclosed
    std::int64_t wall = 0;   ///< us since 1970 at t = 0; unclosed: 0
    std::int64_t length = 0; ///< us since t = 0 of the last thing in it
    std::uintmax_t bytes = 0;
    bool closed = false, idle = false;
    std::string problem; ///< why it cannot be read, or ""
};

/// All .drl files of a folder, newest first by name. Cheap: unclosed files are not opened.
[[nodiscard]] std::vector<ListedRecording> listRecordings(const std::filesystem::path &folder,
                                                          const Clock &clock);

} // namespace engine
