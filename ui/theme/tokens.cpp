#include "ui/theme/tokens.h"

#include <algorithm>
#include <cmath>

namespace ui {

namespace {

const Tokens *current = nullptr;

QColor withAlpha(QColor colour, double alpha)
{
    colour.setAlphaF(static_cast<float>(alpha));
    return colour;
}

double luminance(const QColor &colour)
{
    const auto linear = [](double c) {
        return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF())
           + 0.0722 * linear(colour.blueF());
}

} // namespace

QColor Tokens::tint(const QColor &state) const
{
    return withAlpha(state, tintAlpha);
}
QColor Tokens::band() const
{
    return withAlpha(fault, bandAlpha);
}
QColor Tokens::expectedBand() const
{
    return withAlpha(fault, bandAlpha * 0.38);
}

const Tokens &darkTokens()
{
    static const Tokens dark{Scheme::Dark,
                             QColor(0x12151A),
                             QColor(0x191D24),
                             QColor(0x232A33),
                             QColor(0x0E1115),
                             QColor(0x22344F),
                             QColor(0x2C333E),
                             QColor(0x252B34),
                             QColor(0x6E7A8B),
                             QColor(0xE4E8EE),
                             QColor(0x9AA5B5),
                             QColor(0x6E7A8B),
                             QColor(0x63A1FF),
                             QColor(0x2462C4),
                             QColor(0xFFFFFF),
                             QColor(0x4CBF91),
                             QColor(0xE6B142),
                             QColor(0xF6736C),
                             QColor(0xC62F2F),
                             QColor(0xFFFFFF),
                             QColor(0xF6736C),
                             0.15,
                             0.15,
                             {QColor(0x80B4FF), QColor(0xFBC45C), QColor(0x1E9C8C),
                              QColor(0x8C6BD8), QColor(0xDCE3EC), QColor(0xE27FB2),
                              QColor(0xA39C14), QColor(0xA86D48)}};
    return dark;
}

const Tokens &lightTokens()
{
    static const Tokens light{Scheme::Light,
                              QColor(0xF1F3F6),
                              QColor(0xFFFFFF),
                              QColor(0xEEF1F5),
                              QColor(0xF7F8FA),
                              QColor(0xDCE8FA),
                              QColor(0xDADFE7),
                              QColor(0xE9ECF1),
                              QColor(0x7F8A99),
                              QColor(0x1A202A),
                              QColor(0x556070),
                              QColor(0x838D9C),
                              QColor(0x1D62C6),
                              QColor(0x1D62C6),
                              QColor(0xFFFFFF),
                              QColor(0x12744C),
                              QColor(0x8A5A00),
                              QColor(0xBF2626),
                              QColor(0xC62828),
                              QColor(0xFFFFFF),
                              QColor(0xC62828),
                              0.10,
                              0.10,
                              {QColor(0x2A86E8), QColor(0x8E6900), QColor(0x00746B),
                               QColor(0x4A3589), QColor(0x7E8998), QColor(0x7A2645),
                               QColor(0x4B4400), QColor(0xB27D5E)}};
    return light;
}

const Tokens &tokens()
{
    return current ? *current : darkTokens();
}

void setTokens(Scheme scheme)
{
    current = scheme == Scheme::Dark ? &darkTokens() : &lightTokens();
}

double contrast(const QColor &a, const QColor &b)
{
    const double la = luminance(a);
    const double lb = luminance(b);
    return (std::max(la, lb) + 0.05) / (std::min(la, lb) + 0.05);
}

} // namespace ui
