#pragma once
// The one way a call of ours says that it failed: a code the caller can react to, a sentence for
// the operator, a place.

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace engine {

/// Codes exist only where a caller reacts differently (exit code, retry, refusal).
enum class ErrorCode {
    InvalidInput, ///< a file or an argument breaks a rule: exit 4
    Usage,        ///< the command line is wrong: exit 2
    NotFound,     ///< exit 4
    Untrusted,    ///< signature, checksum or version floor: exit 5
    Partial,      ///< usable in part (unclosed recording): exit 3
    Busy,         ///< somebody else holds it; the message names who
    Unavailable,  ///< a process or a socket does not answer: may be tried again
    Timeout,
    Halted, ///< the emergency stop is on
    Io,     ///< the system refused: disk full, permission
    Internal
};

/// What failed, on what, then what to do; `place` is file:line:column, file:byte or empty.
struct Error
{
    ErrorCode code = ErrorCode::Internal;
    std::string message;
    std::string place;

    /// "place: message", or the message alone.
    [[nodiscard]] std::string text() const;
};

/// The exit code of drillctl for an error (design, section 7).
[[nodiscard]] int exitCode(ErrorCode code);

template <class T = void>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message,
                                                std::string place = {})
{
    return tl::unexpected<Error>(Error{code, std::move(message), std::move(place)});
}

/// Adds the reason of the running thread's errno: "... : No space left on device".
[[nodiscard]] tl::unexpected<Error> failErrno(std::string_view what);

} // namespace engine

/// Leaves the calling function with the error of `expr` (an lvalue Result) if it has one.
#define DR_RETURN_IF_ERROR(expr)                                                                   \
    do {                                                                                           \
        if (auto drResult_ = (expr); !drResult_)                                                   \
            return tl::unexpected<::engine::Error>(std::move(drResult_.error()));                  \
    } while (false)
