# hook call
f0:
    stdw [%r10-8], 0
    stdw [%r10-16], 0
    stdw [%r10-24], 0
    stdw [%r10-32], 0
    stdw [%r10-40], 0
    stdw [%r10-48], 0
    stdw [%r10-56], 0
    stdw [%r10-64], 0
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    jge %r1, %r2, i22
i11:
    ldxb %r3, [%r1]
    and %r3, 15
    lsh %r3, 2
    mov %r4, %r10
    add %r4, -64
    add %r4, %r3
    ldxw %r3, [%r4]
    add32 %r3, 1
    stxw [%r4], %r3
    add %r1, 1
    jlt %r1, %r2, i11
i22:
    mov %r3, 0
    mov %r1, 1
    mov %r2, %r10
    add %r2, -60
    ja i31
i27:
    add %r2, 4
    add %r1, 1
    mov %r3, %r0
    jeq %r1, 16, i42
i31:
    mov %r4, %r3
    lsh %r4, 2
    mov %r5, %r10
    add %r5, -64
    add %r5, %r4
    ldxw %r4, [%r5]
    ldxw %r5, [%r2]
    mov %r0, %r1
    jgt32 %r5, %r4, i27
    mov %r0, %r3
    ja i27
i42:
    exit
