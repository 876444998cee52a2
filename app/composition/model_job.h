#pragma once
// One order to drillroom-train: what drillctl and the console ask of a model outside of any shop.
// Goes to the child as one line of JSON. A value.

#include "engine/base/error.h"

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace app {

struct ModelJob
{
    std::string command; ///< train, finetune, eval, recommend, rank, predict, forecast
    std::string family;  ///< train; else told by the package, and checked when given
    std::string model;   ///< a package: what to start from, to judge or to ask
    std::string train, valid, test, products; ///< files
    std::string in, out;                      ///< file to answer; file or package to write
    std::string format, columns;              ///< of train, valid, test and in
    std::string recipe;                       ///< a file, already found
    std::vector<std::string> set;             ///< name=value
    std::string device = "auto";
    std::uint64_t seed = 1;
    std::int64_t timeLimit = 1800; ///< seconds
    int threads = 0;               ///< 0: all cores
    int k = 20, horizon = 0;
    std::string key;        ///< the signing key's file
    std::string record;     ///< file to record a training into; empty: see `recordings`
    std::string recordings; ///< folder for the recording of a training; both empty: none
    /// auto: go on from a checkpoint of the same order; must: or fail; fresh: begin anew.
    std::string resume = "auto";
    double checkpointEvery = 30; ///< seconds

    [[nodiscard]] bool isTraining() const { return command == "train" || command == "finetune"; }
};

[[nodiscard]] std::string jobText(const ModelJob &job);
/// InvalidInput for what is no order: not JSON, or a word of the wrong kind.
[[nodiscard]] engine::Result<ModelJob> parseJob(const std::string &text);

} // namespace app
