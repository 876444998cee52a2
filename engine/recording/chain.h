#pragma once
// The hash chain over everything that a recording holds: writer and verifier feed it the same way.

#include "engine/base/digest.h"

#include <array>

namespace engine {

/// Where a batch ends: the last row of each table that it covers, and its hash.
struct BatchEnd
{
    std::int64_t id = 0;
    std::int64_t t = INT64_MIN; ///< newest tick; before the first one INT64_MIN
    std::int64_t seq = 0;
    std::int64_t series = 0, sketch = INT64_MIN, attach = 0, gap = 0, meta = 0;
    template <class A>
    void fields(A &a) ///< what is stored beside the hash, which covers it
    {
        a(id);
        a(t);
        a(seq);
        a(series);
        a(sketch);
        a(attach);
        a(gap);
        a(meta);
    }

    /// Chains over all rows of these tables so far, whatever batch they came in: a part of a
    /// recording keeps them whole and so proves its names and facts.
    Digest metaChain{}, seriesChain{}, attachChain{}, gapChain{};
    Digest rows{}; ///< of the events, ticks, sketches and keyframes of this batch alone
    Digest hash{};
};

/// SHA-256 over the hash of the batch before, the chains, the rows and the fields.
[[nodiscard]] Digest batchHash(const Digest &previous, const BatchEnd &end);

/// Hash of one batch. Feed tables in the order of the methods below, rows in the order of their
/// keys; then finish.
class ChainHasher
{
public:
    explicit ChainHasher(const BatchEnd &previous);
    void meta(std::int64_t n, std::string_view key, std::string_view value);
    void series(std::int64_t n, std::int64_t id, std::string_view name, std::string_view unit,
                std::int64_t kind, std::int64_t fold);
    void attach(std::int64_t n, std::span<const std::uint8_t> digest, std::string_view name,
                std::span<const std::uint8_t> data);
    void event(std::int64_t seq, std::int64_t t, std::int64_t kind, std::int64_t target,
               std::span<const std::uint8_t> payload);
    void tick(std::int64_t t, std::span<const std::uint8_t> values);
    void sketch(std::int64_t key, std::span<const std::uint8_t> data);
    void keyframe(std::int64_t t, std::int64_t seq, std::span<const std::uint8_t> state,
                  std::span<const std::uint8_t> hash);
    void gap(std::int64_t n, std::int64_t from, std::int64_t to, std::int64_t why,
             std::int64_t lost);
    /// Fills the chains, `rows` and `hash` of `end`, whose fields are set.
    void finish(BatchEnd &end);

private:
    using Blobs = std::initializer_list<std::span<const std::uint8_t>>;
    static void put(Hasher &hasher, char table, std::initializer_list<std::int64_t> numbers,
                    Blobs blobs);
    static void link(Digest &chain, char table, std::initializer_list<std::int64_t> numbers,
                     Blobs blobs);
    const Digest m_previous;
    Digest m_meta, m_series, m_attach, m_gap;
    Hasher m_rows;
};

/// What a seal signs: the head of the chain and where it stands.
[[nodiscard]] Bytes sealText(std::int64_t batch, const Digest &head);

} // namespace engine
