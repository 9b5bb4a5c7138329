# hook aggregate
f0:
    mov %r0, 1
    ldxdw %r3, [%r1+64]
    ldxdw %r2, [%r1+56]
    mov %r4, %r2
    add %r4, 16
    jgt %r4, %r3, i19
    ldxdw %r3, [%r2]
    add %r3, 1
    stxdw [%r2], %r3
    mov %r0, 0
    ldxdw %r3, [%r1+24]
    ldxdw %r1, [%r1+16]
    jge %r1, %r3, i19
    ldxdw %r4, [%r2+8]
i14:
    ldxb %r5, [%r1]
    add %r4, %r5
    stxdw [%r2+8], %r4
    add %r1, 1
    jlt %r1, %r3, i14
i19:
    exit
