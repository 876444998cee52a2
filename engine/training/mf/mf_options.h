#pragma once
// The settings of family mf: what a recipe may say, and what the size of the data says where the
// recipe is silent. Values.

#include "engine/data/dataset.h"
#include "engine/model/recipe.h"
#include "engine/training/mf/half_step.h"

namespace engine {

struct MfOptions
{
    std::string method = "blend"; ///< blend, ials, linear, bpr
    int factors = 64;             ///< of the folded-in part; 0 with method linear
    std::vector<Ridge> ridges;    ///< tried in turn; one when the recipe names any of its values
    int epochs = 16;              ///< at most, each
    int patience = 2;             ///< epochs without a gain before a try ends
    int cgSteps = 3;
    double rate = 0.05, regularisation = 0.002; ///< bpr
    int spectral = 128;                         ///< rank of the linear part from who took what
    int transition = 128; ///< rank of the linear part from what followed what; 0 without an order
    int iterations = 4;   ///< of the randomised SVD
    int window = 3;       ///< events that count as "followed"
    double shopperPower = 0.25, itemPower = 0.4;
    bool isOrdered = true;
    bool refit = true;
    double share = 0.1; ///< held out where there is no order
    int validationShoppers = 3000;
    int cutoff = 10; ///< of the NDCG that chooses
};

/// InvalidInput names the setting's place.
[[nodiscard]] Result<MfOptions> readMfOptions(const Recipe &recipe, const Dataset &train);
/// The settings, for `train --help`.
[[nodiscard]] std::string mfSettingsHelp();

} // namespace engine
