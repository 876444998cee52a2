#include "ui/widgets/time_axis.h"

#include <cmath>

namespace ui {

std::vector<double> TimeAxis::ticks(int most) const
{
    static constexpr double kSteps[] = {0.1, 0.2, 0.5, 1,   2,   5,    10,   20,   30,
                                        60,  120, 300, 600, 900, 1800, 3600, 7200, 14400};
    double step = 43'200;
    for (const double candidate : kSteps) {
        if ((to - from) / candidate <= most) {
            step = candidate;
            break;
        }
    }
    std::vector<double> result;
    for (double n = std::ceil((from - zero) / step); zero + n * step <= to; n += 1)
        result.push_back(zero + n * step);
    return result;
}

} // namespace ui
