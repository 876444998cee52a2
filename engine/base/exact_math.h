#pragma once
// exp, log, pow and cos that give the same bits on every machine: glibc's differ between CPUs with
// and without FMA. Plain IEEE additions and multiplications only; the whole project is built with
// -ffp-contract=off.

namespace engine::exact {

/// e^x; relative error below 1e-14; 0 below -745, infinity above 709.78.
[[nodiscard]] double exp(double x);
/// Natural logarithm of x > 0; relative error below 1e-14; -infinity at 0, NaN below.
[[nodiscard]] double log(double x);
[[nodiscard]] double log2(double x);
/// x^y for x > 0 as exp(y log x).
[[nodiscard]] double pow(double x, double y);
/// cos(2 pi t); absolute error below 1e-14.
[[nodiscard]] double cos2pi(double t);
/// IEEE square root (correctly rounded by the standard, so already exact everywhere).
[[nodiscard]] double sqrt(double x);

} // namespace engine::exact
