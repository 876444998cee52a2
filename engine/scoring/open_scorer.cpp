#include "engine/scoring/open_scorer.h"

#include "engine/scoring/mf_scorer.h"
#include "engine/scoring/popularity_scorer.h"
#include "engine/scoring/sequence_scorer.h"

namespace engine {

Result<std::unique_ptr<FullScorer>> openFullScorer(const Package &package)
{
    if (package.manifest.family == "mf")
        return MfScorer::open(package);
    if (package.manifest.family == "popularity")
        return PopularityScorer::open(package);
    if (package.manifest.family == "sequence")
        return SequenceScorer::open(package);
    return fail(ErrorCode::InvalidInput, "This program cannot score models of the family \""
                                             + package.manifest.family + "\"; update it");
}

Result<std::unique_ptr<Scorer>> openScorer(const Package &package)
{
    return openFullScorer(package);
}

} // namespace engine
