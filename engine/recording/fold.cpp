#include "engine/recording/fold.h"

namespace engine {
namespace {

constexpr std::size_t kRowsAtOnce = 500;

void check(FoldCursor &cursor, const Slice::Check &keyframe)
{
    if (cursor.differsAt != INT64_MIN)
        return; // nothing behind the first difference is proven, even if it comes out again
    if (cursor.state.hash() == keyframe.hash)
        cursor.verifiedTo = keyframe.t;
    else
        cursor.differsAt = keyframe.t;
}

void applyEvent(FoldCursor &cursor, const Event &event)
{
    cursor.state.apply(event);
    cursor.seq = event.seq;
}

} // namespace

FoldTail foldSlice(FoldCursor &cursor, const RecordingReader &reader, const Slice &slice)
{
    std::size_t event = 0, keyframe = 0;
    for (const auto &row : slice.rows) {
        while (event < slice.events.size() && slice.events[event].t <= row.t)
            applyEvent(cursor, slice.events[event++]);
        cursor.state.apply(reader.view(slice, row));
        cursor.row = row.t;
        while (keyframe < slice.checks.size() && slice.checks[keyframe].t < row.t)
            ++keyframe;
        if (keyframe < slice.checks.size() && slice.checks[keyframe].t == row.t)
            check(cursor, slice.checks[keyframe]);
    }
    while (slice.endsInEvents && event < slice.events.size())
        applyEvent(cursor, slice.events[event++]);
    return {event};
}

void foldTail(FoldCursor &cursor, const Slice &slice, FoldTail tail)
{
    for (std::size_t i = tail.firstEvent; i < slice.events.size(); ++i)
        applyEvent(cursor, slice.events[i]);
    if (!slice.checks.empty() && slice.checks.back().t == cursor.state.t
        && slice.checks.back().t > cursor.row)
        check(cursor, slice.checks.back());
}

Result<FoldCursor> foldStart(RecordingReader &reader)
{
    FoldCursor cursor;
    if (!reader.isTrimmed())
        return cursor;
    auto keyframe = reader.firstKeyframe();
    if (!keyframe)
        return tl::unexpected(keyframe.error());
    if (!*keyframe)
        return fail(ErrorCode::InvalidInput,
                    "The part of the recording has no state to start from that this version reads",
                    reader.path().string());
    cursor.state = std::move((*keyframe)->state);
    cursor.seq = (*keyframe)->seq;
    cursor.row = (*keyframe)->t;
    cursor.verifiedTo = cursor.row;
    return cursor;
}

Result<FoldCursor> foldRecording(RecordingReader &reader, std::int64_t upTo, bool fromStart)
{
    auto start = foldStart(reader);
    if (!start)
        return start;
    auto cursor = std::move(*start);
    if (!fromStart) {
        auto keyframe = reader.keyframe(upTo);
        if (!keyframe)
            return tl::unexpected(keyframe.error());
        if (*keyframe) {
            cursor.state = std::move((*keyframe)->state);
            cursor.seq = (*keyframe)->seq;
            cursor.row = (*keyframe)->t;
            cursor.verifiedTo = cursor.row;
        }
    }
    while (true) {
        auto slice = reader.read(cursor.seq, cursor.row, upTo, kRowsAtOnce);
        if (!slice)
            return tl::unexpected(slice.error());
        const auto tail = foldSlice(cursor, reader, *slice);
        if (!slice->more) {
            foldTail(cursor, *slice, tail);
            return cursor;
        }
    }
}

} // namespace engine
