#pragma once
// A model of any family as a replica serves it: how it reads the tensors of a request, answers many
// requests in one batch, and writes the tensors of a reply. One implementation per application; the
// tensors of each: dialects.md.

#include "engine/base/error.h"
#include "engine/proto/kserve.pb.h"

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

/// A request as a model of its application read it; immutable. It may be answered by a later model
/// of the same application.
class ServedQuestion
{
public:
    virtual ~ServedQuestion() = default;
    /// How much work it is: histories, queries, rows of a table, periods to forecast.
    [[nodiscard]] virtual std::size_t rows() const = 0;
    /// What reading, answering and replying holds in memory, about.
    [[nodiscard]] virtual std::uint64_t bytes() const = 0;
};

/// What a model said to one question.
class ServedAnswer
{
public:
    virtual ~ServedAnswer() = default;
    /// Every number is finite and there are as many of them as there should be.
    [[nodiscard]] virtual bool isSound() const = 0;
};

/// Loaded from a verified package; immutable, any thread. Questions and answers given to it must be
/// those of its own application.
class ServedModel
{
public:
    using Question = std::shared_ptr<const ServedQuestion>;
    using Answers = std::vector<std::unique_ptr<ServedAnswer>>;

    virtual ~ServedModel() = default;
    [[nodiscard]] virtual std::string version() const = 0;
    [[nodiscard]] virtual std::string digest() const = 0; ///< SHA-256 of manifest.json, hex
    [[nodiscard]] virtual std::string family() const = 0;
    /// recommend, search, ads or inventory: who can stand in for whom.
    [[nodiscard]] virtual std::string_view application() const = 0;
    /// Inputs and outputs.
    virtual void describe(inference::ModelMetadataResponse &to) const = 0;
    /// InvalidInput names the input and what to send.
    [[nodiscard]] virtual Result<Question>
    read(const inference::ModelInferRequest &request) const = 0;
    /// One answer per question; a question gets the same numbers alone and among others.
    [[nodiscard]] virtual Result<Answers> answer(std::span<const Question> questions) const = 0;
    virtual void write(const inference::ModelInferRequest &request, const ServedQuestion &question,
                       const ServedAnswer &answer, inference::ModelInferResponse &to) const = 0;

    /// A question of so many rows, to warm up with.
    [[nodiscard]] virtual Question example(std::size_t rows) const = 0;
    /// What is kept of a question to try later models on.
    [[nodiscard]] virtual Question sample(const Question &question) const { return question; }
    /// What is wrong with an answer, whoever trained the model; empty: nothing.
    [[nodiscard]] virtual std::string fault(const ServedQuestion &question,
                                            const ServedAnswer &answer) const = 0;
    /// In 0..1: how much of what one answer says the other says too.
    [[nodiscard]] virtual double agreement(const ServedAnswer &a, const ServedAnswer &b) const = 0;
};

/// Opens a package by the version that was asked for, "" for the one the replica was started with.
/// Untrusted or InvalidInput when it must not be served.
using ModelSource = std::function<Result<std::unique_ptr<ServedModel>>(const std::string &version)>;

/// Name, version and digest of whoever answered, and the request's id.
void signReply(const inference::ModelInferRequest &request, const ServedModel &model,
               inference::ModelInferResponse &to);

} // namespace engine
