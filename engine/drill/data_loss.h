#pragma once
// How much acknowledged data a loss cost, read from sequence numbers: what traffic had acknowledged
// before the loss, against what the store opened with afterwards. Internal to the judge.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace engine {

/// Series: the newest sequence number that an append was acknowledged with, told by traffic; what
/// the store had when it was opened, told by the store.
inline constexpr std::string_view kTrafficAckedSeq = "traffic.acked.seq";
inline constexpr std::string_view kStoreOpenedSeq = "store.opened.seq";

/// Bounded whatever the run's length. Times: us since t = 0.
class DataLoss
{
public:
    /// The newest sequence number acknowledged to traffic, and what the store had when it was
    /// opened; NaN = not in this row.
    void row(std::int64_t t, double acked, double opened);
    void lost(std::int64_t at);

    struct Cost
    {
        double events = 0, seconds = 0;
    };
    [[nodiscard]] bool happened() const { return m_lostAt.has_value(); }
    /// Nothing while the store was not opened again.
    [[nodiscard]] std::optional<Cost> cost() const;

    template <class A>
    void fields(A &a)
    {
        a(m_lostAt);
        a(m_opened);
        a(m_acked);
        a(m_history);
    }

    struct Mark
    {
        std::int64_t t = 0;
        double acked = 0;
        template <class A>
        void fields(A &a)
        {
            a(t);
            a(acked);
        }
    };

private:
    std::optional<std::int64_t> m_lostAt;
    std::optional<double> m_opened; ///< the first seen after the loss
    double m_acked = 0;             ///< the most before the loss
    std::vector<Mark> m_history;    ///< about one a second, the newest 600
};

} // namespace engine
