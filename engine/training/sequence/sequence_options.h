#pragma once
// The settings of a sequence model and of its training: from a recipe, else looked up from the
// data's size. Values.

#include "engine/data/dataset.h"
#include "engine/model/recipe.h"

#include <functional>

namespace engine {

struct SequenceOptions
{
    // The model.
    int factors = 64, blocks = 2, heads = 2;
    int feedForward = 64;         ///< width of the hidden layer
    int length = 50;              ///< items of a history that are read, the newest
    std::string start = "random"; ///< of the items: random, spectrum (sequence_start.h)
    double startScale = 0.1;      ///< root mean square of the spectrum's numbers
    // The loss.
    std::string task = "next";    ///< next: each item from those before; masked: hidden ones
    std::string loss = "softmax"; ///< softmax: sampled; gbce: Petrov & Macdonald, RecSys 2023
    int negatives = 2000;         ///< drawn uniformly, shared by a piece of a batch
    double calibration = 0.75;    ///< t of gbce
    double maskShare = 0.2;       ///< of the items, task masked
    double smoothing = 0;         ///< of the target's probability, given to the negatives
    // Regularisation.
    double dropout = 0.2;     ///< after each sub-layer
    double itemDropout = 0.2; ///< on the item embeddings that enter
    double weightDecay = 0;   ///< decoupled
    double average = 0.999;   ///< of the weights that are judged and kept, per step; 0: none
    // The optimiser.
    double learningRate = 1e-3;
    int batch = 2048; ///< events per step
    int piece = 1024; ///< events in work at once: a step accumulates its pieces' gradients
    int warmUp = 100; ///< steps of rising rate
    std::string decay = "none"; ///< none, cosine: down to a twentieth at the last of `epochs`
    double clip = 5;            ///< largest norm of a step's gradient; 0: none
    int epochs = 200, patience = 10;
    int steps = 0; ///< at most, in all; 0: no limit
    int validationShoppers = 20000;
    bool allWindows = true; ///< of a history longer than `length`, else the newest alone
    double distil = 0;      ///< weight of the teacher in the loss; above 0 --from is the teacher
    double temperature = 1; ///< of teacher and student
    bool int8 = false;      ///< quantise the weights of the package
    // Given by the order.
    std::uint64_t seed = 1;
    int threads = 1;
    std::string device = "cpu";
    /// For tests of the guard: may spoil the loss of a step.
    std::function<void(std::int64_t step, double &loss)> disturb;
};

/// What suits the data: lengths from the histories, width and dropout from how much there is to
/// learn from (README, "Defaults").
[[nodiscard]] SequenceOptions defaultSequence(const Dataset &train);

/// `options` overwritten by the recipe; InvalidInput names the setting.
[[nodiscard]] Result<SequenceOptions> sequenceOptions(const Recipe &recipe,
                                                      SequenceOptions options);

} // namespace engine
