// How a timeline reads its file: the end first, what is asked for next, the proof in between.

#include "engine/recording/timeline_impl.h"

#include <algorithm>
#include <fmt/format.h>

namespace engine {
namespace {

constexpr std::size_t kRowsAtOnce = 500;
/// What runs in the background gives way to requests this often.
constexpr Micros kSlice{10'000};
constexpr std::size_t kRowsInBackground = 100;
constexpr Micros kWriterLeaves{3'000'000};
/// A fold from the start that is shorter than this is done at once.
constexpr std::int64_t kShort = 60'000'000;

/// A recording with more events shows those around the playhead.
constexpr std::uint64_t kMostEvents = 50'000;
constexpr std::uint64_t kAround = 2500;
constexpr std::uint64_t kEventsAtOnce = 5000;

} // namespace

void SqliteTimeline::Impl::sayDiffers(std::int64_t t)
{
    say(fmt::format("The state at {:.1f} s does not come out as recorded; the file is changed, or "
                    "was made by another version",
                    static_cast<double>(t) / 1e6));
}

bool SqliteTimeline::Impl::open()
{
    using Access = RecordingReader::Access;
    const bool beside = isLiving && !isClosed;
    if (writerLeavesBy) {
        // Until the writer has made one file of it, or is known to fail at that.
        std::error_code error;
        const std::filesystem::path wal(path.string() + "-wal");
        if (std::filesystem::exists(wal, error) && clock.now() < *writerLeavesBy)
            return false;
        writerLeavesBy.reset();
    }
    auto opened = RecordingReader::open(path, clock, beside ? Access::Living : Access::File);
    if (!opened) {
        // A writer that is just beginning has no file or no tables yet.
        const bool isYoung = beside && tip.row == INT64_MIN && tip.seq == 0;
        if (!isYoung)
            say(opened.error().text());
        return false;
    }
    reader.emplace(std::move(*opened));
    if (reader->isNewer())
        say("The recording was made by a newer Drillroom (format " + reader->version()
            + "): what that added is not shown");
    if (!isPlaced)
        place();
    if (!beside)
        isClosed = true; // nobody adds to what we read, be it complete or the copy of a torn one
    return true;
}

/// The end is shown at once, from the newest keyframe; whether it follows from the start is found
/// out in the background.
void SqliteTimeline::Impl::place()
{
    isPlaced = true;
    if (auto start = foldStart(*reader))
        tip = std::move(*start);
    else
        say(start.error().text());
    const auto span = reader->span();
    if (!span || !*span || (*span)->second - (*span)->first < kShort)
        return;
    auto newest = reader->keyframe(INT64_MAX);
    if (!newest || !*newest || (*newest)->t <= tip.row)
        return; // damaged: then the way from the start says where
    check = std::move(tip);
    tip = {};
    tip.state = std::move((*newest)->state);
    tip.seq = (*newest)->seq;
    tip.row = (*newest)->t;
}

/// Frees the file for its writer, which turns it into one without WAL.
void SqliteTimeline::Impl::letGo()
{
    reader.reset();
    isClosed = true;
    writerLeavesBy = clock.now() + kWriterLeaves;
}

/// Folds what is new; true when anything was.
bool SqliteTimeline::Impl::poll(std::stop_token stop)
{
    if (isAtEnd && isClosed)
        return false;
    const auto until = clock.now() + kSlice;
    bool changed = false;
    while (!stop.stop_requested()) {
        // Asked before reading: what is read after a yes is all there will ever be.
        const auto closed = reader->isClosed();
        auto slice = reader->read(tip.seq, tip.row, INT64_MAX, kRowsAtOnce);
        if (!closed || !slice) {
            const auto &error = closed ? slice.error() : closed.error();
            if (error.code == ErrorCode::Busy)
                return changed; // the writer is at a checkpoint; the next poll sees it
            say(error.text());
            isAtEnd = isClosed; // no further than this
            return true;
        }
        isComplete = *closed;
        for (const auto &row : slice->rows)
            cache.add(reader->view(*slice, row));
        if (!slice->rows.empty())
            last = std::max(last, slice->rows.back().t);
        const auto seqBefore = tipState->seq;
        const auto tail = foldSlice(tip, *reader, *slice);
        const bool isLast = !slice->more;
        if (isLast) {
            FoldCursor whole = tip;
            foldTail(whole, *slice, tail);
            tip.differsAt = whole.differsAt;
            tip.verifiedTo = whole.verifiedTo;
            const bool isNew = !slice->rows.empty() || whole.seq != seqBefore || !isAtEnd;
            changed = changed || isNew;
            if (isNew)
                tipState = std::make_shared<RunState>(std::move(whole.state));
        } else {
            changed = true;
        }
        if (tip.differsAt != INT64_MIN)
            sayDiffers(tip.differsAt);
        if (isLast) {
            isAtEnd = true;
            if (*closed && !isClosed) {
                while (newestSeq() > eventsTo && loadEvents()) {
                }
                letGo();
                changed = true;
            }
            return changed;
        }
        if (clock.now() >= until || hasNewer()) {
            tipState = std::make_shared<RunState>(tip.state);
            return changed;
        }
    }
    return changed;
}

/// False when a newer request or the end of the thread cut it short.
bool SqliteTimeline::Impl::seekTo(std::int64_t t, std::stop_token stop)
{
    constexpr std::int64_t kForward = 10'000'000; // as far as the next keyframe
    if (!play || play->row > t || play->row < t - kForward) {
        auto keyframe = reader->keyframe(t);
        if (!keyframe) {
            say(keyframe.error().text());
            keyframe = std::optional<Keyframe>();
        }
        play.emplace();
        if (auto start = foldStart(*reader); start && !*keyframe)
            play = std::move(*start);
        if (*keyframe) {
            play->state = std::move((*keyframe)->state);
            play->seq = (*keyframe)->seq;
            play->row = (*keyframe)->t;
        }
    }
    while (true) {
        if (stop.stop_requested() || mayAbort())
            return false;
        auto slice = reader->read(play->seq, play->row, t, kRowsAtOnce);
        if (!slice) {
            say(slice.error().text());
            next.state = std::make_shared<RunState>(play->state);
            return true;
        }
        const auto tail = foldSlice(*play, *reader, *slice);
        if (slice->more)
            continue;
        FoldCursor shown = *play;
        foldTail(shown, *slice, tail);
        next.state = std::make_shared<RunState>(std::move(shown.state));
        return true;
    }
}

/// All events of a recording of usual size, else those around the playhead. True: there are more of
/// them than before, and perhaps more to load.
bool SqliteTimeline::Impl::loadEvents()
{
    const auto total = newestSeq();
    const auto at = std::min(now.pinned ? total : next.state->seq, total);
    const bool isAll = total <= kMostEvents;
    const auto around = [&](std::uint64_t reach) {
        return isAll ? std::pair(std::uint64_t{1}, total)
                     : std::pair(at > reach ? at - reach : 1, std::min(total, at + reach));
    };
    const auto [from, to] = around(kAround);
    const auto [least, most] = around(kAround / 2); // so that a step does not load anew
    if (eventsFrom <= least && eventsTo >= most)
        return false;
    if (eventsFrom > least || eventsTo + 1 < from || eventsTo + 1 > to) {
        events.clear();
        eventsFrom = from;
        eventsTo = from - 1;
    }
    const auto upTo = std::min(to, eventsTo + kEventsAtOnce);
    auto more = reader->events(eventsTo + 1, upTo);
    if (!more) {
        if (more.error().code != ErrorCode::Busy)
            say(more.error().text());
        return false;
    }
    events.insert(events.end(), std::make_move_iterator(more->begin()),
                  std::make_move_iterator(more->end()));
    eventsTo = upTo;
    if (!isAll && events.size() > 4 * kAround) {
        const auto old = std::ranges::partition_point(
            events, [&](const Event &event) { return event.seq < from; });
        events.erase(events.begin(), old);
        eventsFrom = from;
    }
    return true;
}

/// Some more of the way from the first event to the tip. True: arrived, or stuck.
bool SqliteTimeline::Impl::verifyOn(std::stop_token stop)
{
    const auto until = clock.now() + kSlice;
    while (!stop.stop_requested() && clock.now() < until && !hasNewer()) {
        // Not beyond the tip, so that the two can be compared.
        auto slice = reader->read(check->seq, check->row, tip.row, kRowsInBackground);
        if (!slice) {
            if (slice.error().code == ErrorCode::Busy)
                return false;
            say(slice.error().text());
            tip.verifiedTo = check->verifiedTo;
            check.reset();
            return true;
        }
        const auto tail = foldSlice(*check, *reader, *slice);
        if (!slice->more) {
            auto whole = *check;
            foldTail(whole, *slice, tail);
            endCheck(whole);
            return true;
        }
        if (check->differsAt != INT64_MIN) {
            endCheck(*check);
            return true;
        }
    }
    return false;
}

/// `whole` has come as far as the tip, or to where it differs.
void SqliteTimeline::Impl::endCheck(const FoldCursor &whole)
{
    auto differsAt = whole.differsAt;
    if (differsAt == INT64_MIN && whole.state.hash() != tip.state.hash())
        differsAt = tip.row;
    if (differsAt != INT64_MIN) {
        sayDiffers(differsAt);
        tip.differsAt = differsAt;
        tip.verifiedTo = whole.verifiedTo;
    } else {
        tip.verifiedTo = std::max(tip.verifiedTo, whole.verifiedTo);
    }
    check.reset();
}

} // namespace engine
