#include "engine/scoring/open_scorer.h"

#include "engine/scoring/blend_scorer.h"
#include "engine/scoring/ctr_scorer.h"
#include "engine/scoring/mf_scorer.h"
#include "engine/scoring/popularity_scorer.h"
#include "engine/scoring/sequence_scorer.h"

namespace engine {

Result<std::unique_ptr<FullScorer>> openFullScorer(const Package &package)
{
    if (package.manifest.family == "mf") {
        // Plain iALS carries its Gram matrix, the blend its spectrum.
        if (package.find("gram") == nullptr)
            return BlendScorer::open(package);
        return MfScorer::open(package);
    }
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

Result<std::unique_ptr<RowScorer>> openRowScorer(const Package &package)
{
    if (package.manifest.family == "ctr")
        return CtrScorer::open(package);
    return fail(ErrorCode::InvalidInput, "A model of the family \"" + package.manifest.family
                                             + "\" does not answer rows of a table");
}

} // namespace engine
