#pragma once
// From a recording to the state at an instant: the one way, for pages, reports, verdicts and tests.

#include "engine/recording/reader.h"

namespace engine {

/// A fold in progress. Values only; copying it is a fork.
struct FoldCursor
{
    RunState state;
    std::uint64_t seq = 0;               ///< newest event in `state`
    std::int64_t row = INT64_MIN;        ///< newest row in `state`
    std::int64_t verifiedTo = INT64_MIN; ///< newest keyframe whose hash came out
    std::int64_t differsAt = INT64_MIN;  ///< first keyframe whose hash did not
};

/// Folds what the slice has up to its last row; events newer than that are left (`tail`), for a
/// later row may still come before them.
struct FoldTail
{
    std::size_t firstEvent = 0; ///< index into slice.events
};
FoldTail foldSlice(FoldCursor &cursor, const RecordingReader &reader, const Slice &slice);

/// Applies events after the last row, when no row comes any more; checks the hash of the keyframe
/// that closes a recording.
void foldTail(FoldCursor &cursor, const Slice &slice, FoldTail tail);

/// Where a fold from the start begins: nothing, or the first keyframe of a trimmed recording.
[[nodiscard]] Result<FoldCursor> foldStart(RecordingReader &reader);

/// State at `upTo` (INT64_MAX = the end): all rows and events with t <= upTo, from the newest
/// keyframe before it, or from the start when `fromStart`.
[[nodiscard]] Result<FoldCursor>
foldRecording(RecordingReader &reader, std::int64_t upTo = INT64_MAX, bool fromStart = false);

} // namespace engine
