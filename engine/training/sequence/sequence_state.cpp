#include "engine/training/sequence/sequence_state.h"

#include "engine/model/safetensors.h"

#include <ATen/ops/empty.h>

#include <array>
#include <cstring>

namespace engine {
namespace {

using State = SequenceState;
constexpr std::array kTensors{
    std::pair{"weights", &State::weights}, std::pair{"moment", &State::moment},
    std::pair{"square", &State::square}, std::pair{"average", &State::average},
    std::pair{"best", &State::best}};
constexpr std::array kCounts{&State::epoch,     &State::at,  &State::steps,
                             &State::bestEpoch, &State::bad, &State::rollBacks};
constexpr std::array kNumbers{&State::rate, &State::bestValue, &State::lossSum,
                              &State::predictions};
constexpr std::size_t kScalars = kCounts.size() + kNumbers.size();

} // namespace

SequenceState SequenceState::clone() const
{
    auto copy = *this;
    for (const auto &[name, tensor] : kTensors)
        copy.*tensor = (copy.*tensor).clone();
    return copy;
}

Result<Bytes> SequenceState::bytes() const
{
    std::array<std::int64_t, kScalars> scalars{};
    std::size_t at_ = 0;
    for (const auto count : kCounts)
        scalars[at_++] = this->*count;
    for (const auto number : kNumbers)
        scalars[at_++] = std::bit_cast<std::int64_t>(this->*number);
    std::vector<at::Tensor> kept;
    std::vector<TensorSource> sources;
    for (const auto &[name, tensor] : kTensors) {
        kept.push_back((this->*tensor).cpu());
        sources.push_back({name,
                           "F32",
                           {kept.back().numel()},
                           {reinterpret_cast<const std::uint8_t *>(kept.back().data_ptr<float>()),
                            static_cast<std::size_t>(kept.back().numel()) * sizeof(float)}});
    }
    sources.push_back({"scalars",
                       "I64",
                       {static_cast<std::int64_t>(kScalars)},
                       {reinterpret_cast<const std::uint8_t *>(scalars.data()), sizeof(scalars)}});
    return writeSafetensors(sources);
}

Result<SequenceState> SequenceState::read(std::span<const std::uint8_t> bytes, std::int64_t size)
{
    const auto entries = parseSafetensors(bytes, "checkpoint");
    if (!entries)
        return tl::unexpected(entries.error());
    SequenceState state;
    std::size_t found = 0;
    for (const auto &entry : *entries) {
        if (entry.name == "scalars" && entry.dtype == "I64"
            && entry.shape == std::vector<std::int64_t>{kScalars}) {
            std::array<std::int64_t, kScalars> scalars{};
            std::memcpy(scalars.data(), bytes.data() + entry.offset, sizeof(scalars));
            std::size_t at_ = 0;
            for (const auto count : kCounts)
                state.*count = scalars[at_++];
            for (const auto number : kNumbers)
                state.*number = std::bit_cast<double>(scalars[at_++]);
            ++found;
        }
        for (const auto &[name, tensor] : kTensors) {
            if (entry.name != name || entry.dtype != "F32"
                || entry.shape != std::vector<std::int64_t>{size})
                continue;
            auto read = at::empty({size}, at::kFloat);
            std::memcpy(read.data_ptr<float>(), bytes.data() + entry.offset, entry.bytes);
            state.*tensor = read;
            ++found;
        }
    }
    if (found != kTensors.size() + 1 || state.steps < 0 || state.at < 0 || state.epoch < 0)
        return fail(ErrorCode::InvalidInput,
                    "The checkpoint is of another training; start anew without it");
    return state;
}

} // namespace engine
