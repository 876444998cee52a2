#pragma once
// Trains one ClickNet with LibTorch: Adam for the MLPs, Adagrad by row for the embeddings that a
// batch touches, early stopping on validation rows. The same rows, options and seed give the same
// bytes for the same number of threads of LibTorch. One thread calls; several trainers may work at
// once on threads of their own.

#include "engine/scoring/click_net.h"
#include "engine/training/ctr/click_rows.h"

#include <functional>

namespace engine {

struct NetOptions
{
    int dimension = 8, hidden = 64, layers = 2;
    bool dots = false, concat = true;
    double rate = 0.002;        ///< of Adam; halved when the validation loss does not fall
    double embeddingRate = 0;   ///< of Adagrad; 0: .03 for tables, .2 for bags of indices
    double embeddingPrior = 50; ///< rows, each half wrong, that Adagrad's sums start with
    double decay = 0.01;        ///< of the MLPs, decoupled as in AdamW
    double embeddingDecay = 1e-5;
    double dropout = 0.2; ///< behind every hidden layer of the top MLP
    int batch = 256;
    int epochs = 60, patience = 5; ///< patience in rounds: epochs, or 500,000 rows of a long one
    std::uint64_t seed = 1;
    std::string device = "cpu";
};

struct NetRound
{
    int round = 0;
    double epoch = 0; ///< 1.5: half of the second one is done
    double trainLoss = 0, validationLoss = 0;
};

struct TrainedNet
{
    ClickNet net;
    std::vector<double> validationLogits; ///< of the validation rows, in their order
    std::vector<NetRound> rounds;
    double bestLoss = 0;
    int rollBacks = 0;        ///< rounds thrown away because a loss was no number
    double rowsPerSecond = 0; ///< of the training alone
};

/// `onRound` says whether to go on. Halted when `isStopped`; LibTorch's exceptions become Internal.
[[nodiscard]] Result<TrainedNet> trainNet(const ClickRows &rows, const ClickNetShape &shape,
                                          std::span<const std::uint32_t> train,
                                          std::span<const std::uint32_t> validation,
                                          const NetOptions &options, const Clock &clock,
                                          const std::function<bool(const NetRound &)> &onRound);

/// Number of LibTorch's threads for work of the calling thread.
void setNetThreads(int threads);

} // namespace engine
