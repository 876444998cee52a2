#include "ui/session/words.h"

#include <QCoreApplication>
#include <QDateTime>
#include <QLocale>

#include <algorithm>
#include <cmath>

namespace ui {

namespace {

struct Words
{
    Q_DECLARE_TR_FUNCTIONS(RunFacts)
};

QString tr(const char *text)
{
    return Words::tr(text);
}

} // namespace

QString numberText(double value, int decimals)
{
    if (std::isnan(value))
        return QStringLiteral("–");
    QLocale locale;
    locale.setNumberOptions(QLocale::OmitGroupSeparator);
    QString text = locale.toString(std::abs(value), 'f', decimals);
    const bool zero = std::abs(value) < 0.5 * std::pow(10.0, -decimals);
    return value < 0 && !zero ? QChar(0x2212) + text : text;
}

QString sinceText(double seconds, int decimals)
{
    if (std::abs(seconds) >= 600)
        return clockText(seconds);
    const QString sign = seconds < 0 ? QString() : QStringLiteral("+");
    return tr("%1%2 s").arg(sign, numberText(seconds, decimals));
}

QString tickText(double seconds, double step)
{
    if (std::abs(seconds) < 1e-6)
        return QStringLiteral("0");
    if (step < 60 && std::abs(seconds) < 600)
        return sinceText(seconds, step < 1 ? 1 : 0);
    const QString sign = seconds < 0 ? QString(QChar(0x2212)) : QStringLiteral("+");
    const auto whole = static_cast<int>(std::lround(std::abs(seconds)));
    const auto two = [](int n) { return QStringLiteral("%1").arg(n, 2, 10, QLatin1Char('0')); };
    const int hours = whole / 3600;
    const int minutes = whole / 60 % 60;
    if (step >= 60)
        return tr("%1%2:%3 h").arg(sign).arg(hours).arg(two(minutes));
    return hours ? QStringLiteral("%1%2:%3:%4")
                       .arg(sign)
                       .arg(hours)
                       .arg(two(minutes), two(whole % 60))
                 : QStringLiteral("%1%2:%3").arg(sign).arg(minutes).arg(two(whole % 60));
}

QString clockText(double seconds)
{
    const double magnitude = std::floor(std::abs(seconds) * 10) / 10;
    const int hours = static_cast<int>(magnitude / 3600);
    const int minutes = static_cast<int>(magnitude / 60) % 60;
    const double rest = magnitude - hours * 3600.0 - minutes * 60.0;
    const QString sign = seconds < 0 ? QString(QChar(0x2212)) : QStringLiteral("+");
    const QString tail = QStringLiteral("%1:%2")
                             .arg(minutes, 2, 10, QLatin1Char('0'))
                             .arg(std::floor(rest * 10 + 1e-6) / 10, 4, 'f', 1, QLatin1Char('0'));
    return hours ? QStringLiteral("%1%2:%3").arg(sign).arg(hours).arg(tail) : sign + tail;
}

QString countdownText(double seconds)
{
    const double left = std::max(0.0, seconds);
    const int minutes = static_cast<int>(left / 60);
    return QStringLiteral("%1:%2").arg(minutes).arg(left - minutes * 60, 4, 'f', 1,
                                                    QLatin1Char('0'));
}

QString wallClockText(const engine::RunState &state, double t)
{
    if (state.run.wall == 0)
        return {};
    const auto millis = (state.run.wall + toMicros(t)) / 1000;
    return QDateTime::fromMSecsSinceEpoch(millis)
        .toString(QStringLiteral("HH:mm:ss.zzz"))
        .chopped(2);
}

QString faultIcon(std::string_view fault)
{
    if (fault == "process.kill" || fault == "process.crash")
        return QStringLiteral("crash");
    if (fault == "process.freeze" || fault == "process.slow" || fault == "model.slow")
        return QStringLiteral("timeout");
    if (fault.starts_with("network."))
        return QStringLiteral("cut-network");
    if (fault.starts_with("data.") || fault.starts_with("disk."))
        return QStringLiteral("data-loss");
    return QStringLiteral("fault");
}

QString faultText(std::string_view fault, std::string_view target)
{
    if (fault == "process.kill")
        return tr("SIGKILL %1").arg(qs(target));
    if (fault == "process.freeze")
        return tr("SIGSTOP %1").arg(qs(target));
    if (fault == "network.cut")
        return tr("cut %1").arg(qs(target));
    return tr("%1 on %2").arg(qs(fault), qs(target));
}

QString responseIcon(std::string_view kind)
{
    if (kind == "restart")
        return QStringLiteral("retrain");
    if (kind == "fallback" || kind == "canary")
        return QStringLiteral("standby");
    if (kind == "rollback")
        return QStringLiteral("rollback");
    if (kind == "restore")
        return QStringLiteral("restore");
    if (kind == "alert")
        return QStringLiteral("alert");
    return QStringLiteral("fault");
}

QString responseText(const engine::ResponseChanged &response)
{
    const QString target = qs(response.target);
    if (response.kind == "ejection")
        return tr("eject %1").arg(target);
    if (response.kind == "breaker")
        return tr("breaker opens on %1").arg(target);
    if (response.kind == "fallback")
        return target.isEmpty() ? tr("fall back") : tr("fall back to %1").arg(target);
    if (response.kind == "restart")
        return tr("restart %1").arg(target);
    if (response.kind == "rollback")
        return tr("roll back %1").arg(target);
    if (response.kind == "restore")
        return tr("restore %1").arg(target);
    if (response.kind == "canary")
        return response.target == "gateway" ? tr("canary rolled back") : tr("canary");
    return target.isEmpty() ? qs(response.kind) : tr("%1 %2").arg(qs(response.kind), target);
}

} // namespace ui
