#pragma once
// One family of models behind the commands train, finetune, eval, recommend, rank, predict and
// forecast. A family reads files, trains, judges and answers; whoever calls it finds the recipe,
// signs and writes the package, keeps checkpoints and shows progress. Stateless: one object, any
// thread. LibTorch's exceptions are caught inside.

#include "engine/base/bytes.h"
#include "engine/data/importer.h"
#include "engine/model/package.h"
#include "engine/model/recipe.h"
#include "engine/training/evaluate.h"
#include "engine/training/train_monitor.h"

#include <optional>

namespace engine {

/// A file of the command line and how to read it.
struct InputFile
{
    std::filesystem::path path;
    std::string format; ///< pairs, lists, csv, libsvm, jsonl; empty: told from the file's name
    Columns columns;    ///< role -> column, as in parseColumns
};

struct TrainOrder
{
    InputFile train;
    std::optional<InputFile> valid; ///< else carved from train; test data is never seen here
    std::optional<std::filesystem::path> products; ///< search: the catalogue
    Recipe recipe; ///< its settings; without one: defaults that look at the data's size
    std::uint64_t seed = 1;
    int threads = 1;
    std::string device = "cpu";     ///< cpu, cuda:0: already resolved, and there
    std::optional<Package> initial; ///< finetune: what to start from, verified
};

/// A tensor of a trained model. Owns its bytes, row-major little-endian.
struct OwnedTensor
{
    std::string name, dtype; ///< F32, I64, I32, I8
    std::vector<std::int64_t> shape;
    Bytes data;
};

/// A package that is not yet signed. The family fills family, settings, featureSchema and metrics
/// ("validation ..."); version, lineage, recipe, training data and seed are the caller's.
struct TrainedModel
{
    Manifest manifest;
    std::vector<OwnedTensor> tensors;
    std::map<std::string, Bytes> files; ///< item ids, feature schema, inverted index ...
};

struct EvalOrder
{
    std::optional<InputFile> train; ///< recommenders: the history, masked; others: may be absent
    InputFile test;
    std::optional<std::filesystem::path> products;
    int threads = 1;
};

enum class Answer {
    Recommend, ///< histories -> 'user item item ...', best first, history removed
    Rank,      ///< queries -> 'query<TAB>product<TAB>score'
    Predict,   ///< one score per input row, in the rows' order
    Forecast   ///< CSV: series,time,p10,p50,p90,mean
};

struct AnswerOrder
{
    Answer kind = Answer::Recommend;
    InputFile in;
    std::filesystem::path out; ///< written beside and renamed: whole or not at all
    int k = 20;                ///< recommend, rank
    int horizon = 0;           ///< forecast
    int threads = 1;
};

struct Answered
{
    std::uint64_t rows = 0;                     ///< lines written
    std::map<std::string, std::uint64_t> notes; ///< "unknown items" -> how many; shown and in JSON
};

class Family
{
public:
    virtual ~Family() = default;
    [[nodiscard]] virtual std::string name() const = 0;
    /// Formats, columns and settings of this family, for `train --help` and the reference.
    [[nodiscard]] virtual std::string help() const = 0;
    /// Files larger than memory are an error that says so. Nothing is written.
    [[nodiscard]] virtual Result<TrainedModel> train(const TrainOrder &order,
                                                     TrainMonitor &monitor) const = 0;
    [[nodiscard]] virtual Result<Evaluation>
    evaluate(const Package &package, const EvalOrder &order, TrainMonitor &monitor) const = 0;
    /// Streams: memory does not grow with the file. InvalidInput for a kind that this family cannot
    /// answer, naming the command that can.
    [[nodiscard]] virtual Result<Answered> answer(const Package &package, const AnswerOrder &order,
                                                  TrainMonitor &monitor) const = 0;
};

} // namespace engine
