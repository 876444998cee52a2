#pragma once
// Where LibTorch's exceptions become errors: none crosses a target. Includes LibTorch: keep it out
// of headers that others include.

#include "engine/base/error.h"

#include <c10/util/Exception.h>

namespace engine {

/// What `work` returns, a Result; what it throws as ErrorCode::Internal behind one of the two
/// words.
template <class Work>
auto torchGuarded(const Work &work,
                  const char *inTorch = "LibTorch: ", const char *elsewhere = "LibTorch: ")
    -> decltype(work())
{
    try {
        return work();
    } catch (const c10::Error &error) {
        return fail(ErrorCode::Internal, inTorch + std::string(error.what_without_backtrace()));
    } catch (const std::exception &error) {
        return fail(ErrorCode::Internal, elsewhere + std::string(error.what()));
    }
}

/// The same in the words of a training.
template <class Work>
auto trainingGuarded(const Work &work) -> decltype(work())
{
    return torchGuarded(work, "Training failed in LibTorch: ", "Training failed: ");
}

} // namespace engine
