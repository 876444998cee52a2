#pragma once
// Matrix factorisation by implicit alternating least squares with LibTorch's batched normal
// equations. Loss: sum over seen of (1 - w.v)^2 + alpha0 sum over all of (w.v)^2 + lambda sum (|I|
// + alpha0 N)^nu |w|^2, both sides (Rendle, Krichene, Zhang, Koren, "Revisiting the Performance of
// iALS on Item Recommendation Benchmarks", 2021). Call from one thread; it sets LibTorch's thread
// count for the process to 1. The same data and options give the same bytes, whatever the threads.

#include "engine/base/clock.h"
#include "engine/data/dataset.h"
#include "engine/model/package.h"

#include <functional>
#include <stop_token>

namespace engine {

struct IalsOptions
{
    int factors = 64; ///< a multiple of 4
    double alpha0 = 0.1, lambda = 0.01, nu = 1.0;
    int epochs = 16;   ///< at most
    int patience = 2;  ///< validation epochs without a gain before it stops; 0 = all epochs
    bool refit = true; ///< after validation, train as many epochs again on everything
    int validationShoppers = 2000;
    std::uint64_t seed = 1;
    int threads = 1;
    Micros timeLimit = std::chrono::minutes(30);
};

/// Sizes and regularisation for the data at hand (README, table).
[[nodiscard]] IalsOptions defaultIals(const Dataset &train);

struct IalsProgress
{
    int epoch = 0, epochs = 0; ///< of both passes together
    bool refit = false;
    double validation = 0; ///< NDCG@10; 0 during the refit
    double seconds = 0, secondsLeft = 0;
};
using IalsListener = std::function<void(const IalsProgress &)>;

struct IalsModel
{
    std::uint32_t items = 0;
    int factors = 0;
    std::vector<float> itemFactors; ///< [items, factors]
    std::vector<float> gram;        ///< V^T V, [factors, factors]
    IalsOptions options;            ///< epochs = those of the final pass
    double validation = 0;          ///< best NDCG@10 on the shoppers' last train events
    double seconds = 0;
    std::vector<double> epochSeconds;
};

/// Halted when stopped; at the time limit the best so far is returned.
[[nodiscard]] Result<IalsModel> trainIals(const Dataset &train, const IalsOptions &options,
                                          const Clock &clock, const IalsListener &listener = {},
                                          std::stop_token stop = {});

/// Writes a package of family mf; fills family, settings, feature schema, seed and recipe of
/// `manifest`. Gives the digest.
[[nodiscard]] Result<std::string> writeMfPackage(const std::filesystem::path &folder,
                                                 const IalsModel &model, const Dataset &train,
                                                 Manifest manifest, const SigningKey &key);

} // namespace engine
