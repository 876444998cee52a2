#include "engine/base/error.h"

#include <cerrno>
#include <system_error>

namespace engine {

std::string Error::text() const
{
    return place.empty() ? message : place + ": " + message;
}

int exitCode(ErrorCode code)
{
    switch (code) {
    case ErrorCode::Usage:
        return 2;
    case ErrorCode::Partial:
        return 3;
    case ErrorCode::InvalidInput:
    case ErrorCode::NotFound:
    case ErrorCode::Busy:
        return 4;
    case ErrorCode::Untrusted:
        return 5;
    default:
        return 6;
    }
}

tl::unexpected<Error> failErrno(std::string_view what)
{
    const int number = errno;
    return fail(ErrorCode::Io, std::string(what) + ": "
                                   + std::error_code(number, std::generic_category()).message());
}

} // namespace engine
