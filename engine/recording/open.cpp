#include "engine/recording/open.h"

#include "engine/recording/binning.h"
#include "engine/recording/fold.h"
#include "engine/recording/timeline.h"

#include <algorithm>
#include <charconv>

namespace engine {
namespace {

std::int64_t numberOf(const std::map<std::string, std::string> &facts, const std::string &name)
{
    const auto it = facts.find(name);
    std::int64_t value = 0;
    if (it != facts.end())
        std::from_chars(it->second.data(), it->second.data() + it->second.size(), value);
    return value;
}

std::string textOf(const std::map<std::string, std::string> &facts, const std::string &name)
{
    const auto it = facts.find(name);
    return it == facts.end() ? "" : it->second;
}

bool hasWal(const std::filesystem::path &path)
{
    std::error_code error;
    const auto size = std::filesystem::file_size(path.string() + "-wal", error);
    return !error && size > 0;
}

} // namespace

std::unique_ptr<Timeline> openTimeline(const std::filesystem::path &path, bool isLiving,
                                       const Clock &clock)
{
    return std::make_unique<SqliteTimeline>(path, isLiving, clock);
}

Result<FoldedRun> foldFile(const std::filesystem::path &path, const Clock &clock)
{
    auto reader = RecordingReader::open(path, clock);
    if (!reader)
        return tl::unexpected(reader.error());
    FoldedRun run;
    auto facts = reader->meta();
    auto closed = reader->isClosed();
    if (!facts || !closed)
        return tl::unexpected(facts ? closed.error() : facts.error());
    run.meta = std::move(*facts);
    run.closed = *closed;
    auto start = foldStart(*reader);
    if (!start)
        return tl::unexpected(start.error());
    auto cursor = std::move(*start);
    while (true) {
        auto slice = reader->read(cursor.seq, cursor.row, INT64_MAX, 1000);
        if (!slice)
            return tl::unexpected(slice.error());
        const auto tail = foldSlice(cursor, *reader, *slice);
        if (!slice->more)
            foldTail(cursor, *slice, tail);
        const auto room = FoldedRun::kMostEvents - run.events.size();
        const auto taken = std::min(room, slice->events.size());
        std::move(slice->events.begin(), slice->events.begin() + static_cast<std::ptrdiff_t>(taken),
                  std::back_inserter(run.events));
        run.eventsLeftOut += slice->events.size() - taken;
        if (!slice->more)
            break;
    }
    run.state = std::move(cursor.state);
    run.differsAt = cursor.differsAt == INT64_MIN ? -1 : cursor.differsAt;
    return run;
}

Result<> readRows(const std::filesystem::path &path, const Clock &clock, std::int64_t from,
                  std::int64_t to, const std::function<void(const RowView &)> &each)
{
    auto reader = RecordingReader::open(path, clock);
    if (!reader)
        return tl::unexpected(reader.error());
    return reader->rows(from, to, each);
}

Result<TimelineSnapshot> readSeries(const std::filesystem::path &path, const Clock &clock,
                                    std::int64_t from, std::int64_t to, int bins,
                                    const std::vector<std::string> &series)
{
    auto reader = RecordingReader::open(path, clock);
    if (!reader)
        return tl::unexpected(reader.error());
    const auto grid = gridFor(from, to, bins);
    auto columns = binSeries(*reader, RowCache(), grid, series);
    if (!columns)
        return tl::unexpected(columns.error());
    TimelineSnapshot snapshot;
    snapshot.from = grid.from;
    snapshot.to = grid.to();
    snapshot.binWidth = grid.width;
    snapshot.series = std::move(*columns);
    return snapshot;
}

bool isTrainingRecording(const std::filesystem::path &path, const Clock &clock)
{
    auto reader = RecordingReader::open(path, clock);
    const auto facts = reader ? reader->meta() : tl::unexpected(reader.error());
    return facts && facts->contains("training");
}

std::vector<ListedRecording> listRecordings(const std::filesystem::path &folder, const Clock &clock)
{
    std::vector<ListedRecording> list;
    std::error_code error;
    for (auto it = std::filesystem::directory_iterator(folder, error);
         !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
        if (it->path().extension() != ".drl")
            continue;
        ListedRecording summary;
        summary.path = it->path();
        summary.title = it->path().stem().string();
        summary.bytes = it->file_size(error);
        error.clear();
        if (!hasWal(summary.path)) {
            auto reader = RecordingReader::open(summary.path, clock);
            auto facts = reader ? reader->meta() : tl::unexpected(reader.error());
            if (facts) {
                if (const auto title = textOf(*facts, "title"); !title.empty())
                    summary.title = title;
                summary.shop = textOf(*facts, "shop");
                summary.run = textOf(*facts, "run");
                summary.word = textOf(*facts, "word");
                summary.wall = numberOf(*facts, "wall");
                summary.length = numberOf(*facts, "end");
                summary.closed = textOf(*facts, "closed") == "1";
                summary.idle = textOf(*facts, "idle") == "1";
            } else {
                summary.problem = facts.error().message;
            }
        }
        list.push_back(std::move(summary));
    }
    std::sort(list.begin(), list.end(), [](const auto &a, const auto &b) {
        return a.path.filename().string() > b.path.filename().string();
    });
    return list;
}

} // namespace engine
