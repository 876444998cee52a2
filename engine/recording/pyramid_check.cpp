#include "engine/recording/pyramid.h"

#include "engine/recording/reader.h"

#include <algorithm>

namespace engine {
namespace {

tl::unexpected<Error> differs(const std::string &what)
{
    return fail(ErrorCode::Untrusted, "The recording was changed: " + what);
}

} // namespace

Result<> checkPyramid(RecordingReader &reader, std::uint64_t *chunks)
{
    auto &database = reader.database();
    database.renewBudget();
    auto stored = database.prepare("SELECT data FROM chunk WHERE key = ?");
    if (!stored)
        return tl::unexpected(stored.error());

    std::uint64_t compared = 0;
    const auto compare = [&](const pyramid::Chunk &chunk) -> Result<> {
        stored->reset();
        stored->bind(1, chunk.key);
        const auto row = stored->step();
        if (!row)
            return tl::unexpected(row.error());
        if (!*row || !std::ranges::equal(stored->blob(0), chunk.data))
            return differs("the pyramid does not come out of its rows (chunk "
                           + std::to_string(chunk.key) + ")");
        ++compared;
        return {};
    };
    if (reader.hasPyramid())
        DR_RETURN_IF_ERROR(pyramid::derive(reader, {}, compare));
    database.renewBudget();
    const auto count = database.single("SELECT count(*) FROM chunk");
    if (!count)
        return tl::unexpected(count.error());
    if (chunks)
        *chunks = compared;
    return *count == std::to_string(compared)
               ? Result<>()
               : differs("the pyramid holds what its rows do not give");
}

} // namespace engine
